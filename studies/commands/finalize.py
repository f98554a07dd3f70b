"""``neurall-search finalize``: a study's front, trained over several seeds, on the test split."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studies.finalize import Finalized

FAILED, INTERRUPTED = 1, 130


def run(args: argparse.Namespace) -> int:
    """Train the finalists and print them; fails where one could not be trained."""
    from studies.plot import check_plot_file

    for path in args.plot:
        check_plot_file(path)
    from nas import fidelity
    from studies.display import display
    from studies.finalize import Finalization, FinalizeConfig
    from studies.made_from import remembered_config
    from studies.opening import load_study

    store = load_study(args.storage, args.study)
    config = remembered_config(
        store,
        data=args.data,
        pretrained=args.pretrained,
        fidelity=fidelity.FIDELITIES[args.fidelity] if args.fidelity else None,
        device=args.device,
    )
    options = FinalizeConfig(
        seeds=args.seeds, trials=tuple(args.trial), inherit=args.begin == "inherited"
    )
    with display() as observer:
        observer.message(f"study {store.name}")
        outcome = Finalization(store, config, options, observer).run()
    if args.json:
        print(json.dumps(outcome.to_json(), indent=2))
    else:
        _print(outcome)
    _plot(outcome, args.plot)
    if outcome.interrupted:
        return INTERRUPTED
    return FAILED if outcome.failures else 0


def _print(outcome: Finalized) -> None:
    from studies.report import page, print_finalists

    console = page()
    print_finalists(outcome.result, console)
    for failure in outcome.failures:
        console.print(f"failed: {failure}", markup=False)
    if outcome.interrupted:
        console.print("interrupted: the same command goes on, the study keeps what was trained")


def _plot(outcome: Finalized, paths: Sequence[str]) -> None:
    finalists = outcome.result.finalists
    if not paths or finalists is None:
        return
    from studies.finalists_plot import plot_finalists

    for path in paths:
        plot_finalists(outcome.result.study, finalists, path)
        print(f"wrote {path}", file=sys.stderr)
