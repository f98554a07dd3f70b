"""``neurall-search reproduce``: the paper's tables, trained anew and set beside the paper's."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

FAILED, INTERRUPTED = 1, 130


def run(args: argparse.Namespace) -> int:
    """Train the rows of the chosen tables over several seeds and print what comes out.

    Fails where a network could not be trained, after all others were.
    """
    from nas.data.spec import open_source
    from studies.display import display
    from studies.fidelity_choice import chosen_fidelity
    from studies.reproduction import Reproduction
    from studies.reproduction_config import ReproductionConfig
    from studies.reproduction_report import print_report, to_json

    fidelity = chosen_fidelity(args.fidelity, args.device)
    specs = args.data or ["synthetic"]
    config = ReproductionConfig(
        sources=tuple(open_source(spec, seed=0, fidelity=fidelity) for spec in specs),
        tables=tuple(sorted(set(args.table))) or (1, 2, 3),
        seeds=args.seeds,
        fidelity=fidelity,
        device=args.device,
        out=Path(args.out),
    )
    with display() as observer:
        outcome = Reproduction(config, observer).run()
    if args.json:
        print(json.dumps(to_json(outcome), indent=2))
    else:
        print_report(outcome)
    if outcome.interrupted:
        return INTERRUPTED
    return FAILED if outcome.failures else 0
