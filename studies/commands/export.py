"""``neurall-search export``: a trial, an architecture file or a preset, written and checked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.presets import is_preset
from studies.commands.networks import is_trial, offered_tasks, read_network

if TYPE_CHECKING:
    from nas.resolution import Resolution
    from studies.export import ExportReport


def run(args: argparse.Namespace) -> int:
    """Export what is named, and say what was compared."""
    print_export(_export_trial(args) if is_trial(args.network) else _export_untrained(args))
    return 0


def print_export(report: ExportReport) -> None:
    """What was written, and how far ONNX Runtime was off."""
    from nas.quantity import written

    print(f"wrote {report.folder}: {written('macs', report.cost.macs)} per frame")
    print(f"the ONNX graph has {report.graph_macs} MACs, counted were {report.cost.macs}")
    for name, difference in report.differences.items():
        print(
            f"  {name}: ONNX Runtime differs by at most {difference.absolute:.2e} "
            f"({difference.relative:.1e} of the largest value)"
        )
    print("the folder loads back into equal outputs")


def _export_trial(args: argparse.Namespace) -> ExportReport:
    from studies.opening import load_study
    from studies.trial_export import export_trial

    return export_trial(
        load_study(args.storage, args.study),
        int(args.network),
        Path(args.out),
        resolution=args.resolution,
        progress=tell,
    )


def _export_untrained(args: argparse.Namespace) -> ExportReport:
    architecture = read_network(args.network, offered_tasks(args.network, args.tasks))
    from nas.cost import DEPLOYMENT
    from nas.network import build_network
    from nas.tasks.kinds import make_task
    from studies.export import export

    kind = "preset" if is_preset(args.network) else "architecture"
    tell(f"the {kind} {args.network} is exported untrained, to try the deployment chain")
    resolution: Resolution = args.resolution or DEPLOYMENT
    return export(
        build_network(architecture),
        Path(args.out),
        tasks={spec.name: make_task(spec) for spec in architecture.tasks},
        resolution=resolution,
        progress=tell,
    )


def tell(text: str) -> None:
    """What is done next, on standard error."""
    print(text, file=sys.stderr)
