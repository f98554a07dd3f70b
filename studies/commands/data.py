"""``neurall-search data``: which data sets there are, what one holds, decoding ahead of time."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from studies.errors import UsageError

if TYPE_CHECKING:
    from nas.data.source import DataSource
    from nas.fidelity import Fidelity
    from nas.tasks.task import Task


def run(args: argparse.Namespace) -> int:
    """List, preview or prepare."""
    return {"list": _list, "preview": _preview, "prepare": _prepare}[args.action](args)


def _list(args: argparse.Namespace) -> int:
    from nas.data.spec import DATA_KINDS

    if args.json:
        entries = [
            {"name": kind.name, "path": kind.path, "summary": kind.summary}
            for kind in DATA_KINDS.values()
        ]
        print(json.dumps(entries, indent=2))
        return 0
    specs = {
        kind.name if kind.path is None else f"{kind.name}:{kind.path}": kind.summary
        for kind in DATA_KINDS.values()
    }
    width = max(map(len, specs))
    for spec, summary in specs.items():
        print(f"{spec:{width}} {summary}")
    return 0


def _preview(args: argparse.Namespace) -> int:
    out = Path(args.out)
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {args.out}: give a file that ends in .png")
    from nas.data.preview import preview

    source, fidelity, tasks = _opened(args)
    preview(source, tasks, fidelity.resolution).save(out)
    print(f"wrote {out}")
    return 0


def _prepare(args: argparse.Namespace) -> int:
    from nas.data.cache import cache_root, prepare
    from nas.data.source import SPLITS
    from nas.data.spec import default_tasks_of
    from studies.display import display

    source, fidelity, behaviours = _opened(args)
    tasks = {spec.name: behaviours[spec.name] for spec in default_tasks_of((source,))}
    with display() as observer:
        for split in SPLITS:
            if source.length(split):
                prepare(
                    source,
                    split,
                    fidelity.resolution,
                    tasks=tasks,
                    progress=lambda done, total, split=split: observer.data(  # type: ignore[misc]
                        source.name, split, done, total
                    ),
                )
    counts = ", ".join(f"{source.length(split)} {split}" for split in SPLITS)
    print(f"{source.name}: {counts} frames at {fidelity.resolution}, in {cache_root()}")
    return 0


def _opened(args: argparse.Namespace) -> tuple[DataSource, Fidelity, dict[str, Task]]:
    from nas.data.spec import open_source
    from nas.tasks.kinds import make_task
    from studies.fidelity_choice import chosen_fidelity

    fidelity = chosen_fidelity(args.fidelity, "auto")
    source = open_source(args.spec, seed=args.seed, fidelity=fidelity)
    return source, fidelity, {spec.name: make_task(spec) for spec in source.tasks}
