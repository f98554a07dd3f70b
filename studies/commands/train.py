"""``neurall-search train``: one network trained as a search would, beside the best constant."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.presets import is_preset
from studies.commands.networks import offered_tasks, read_network

if TYPE_CHECKING:
    from search_spaces.architecture import Architecture
    from studies.config import SearchConfig


def run(args: argparse.Namespace) -> int:
    """Train a preset or an architecture file on the data, print its metrics, export it if asked."""
    if not is_preset(args.network):
        read_network(args.network, ())
    if args.out:
        from studies.export_folder import check_destination

        check_destination(Path(args.out))
    return train(*_described(args), out=args.out, as_json=args.json)


def _described(args: argparse.Namespace) -> tuple[SearchConfig, Architecture]:
    from nas.budget import Budget
    from nas.data.spec import default_tasks_of, open_source, tasks_of
    from nas.deployment import Deployment
    from nas.pretrained import read_pretrained
    from studies.config import SearchConfig
    from studies.fidelity_choice import chosen_fidelity

    fidelity = chosen_fidelity(args.fidelity, args.device)
    specs = args.data or ["synthetic"]
    sources = tuple(open_source(spec, seed=args.seed, fidelity=fidelity) for spec in specs)
    tasks = offered_tasks(
        args.network, args.tasks, every=tasks_of(sources), default=default_tasks_of(sources)
    )
    architecture = read_network(args.network, tasks)
    config = SearchConfig(
        sources=sources,
        tasks=architecture.task_names,
        budget=Budget(deployment=Deployment(resolution=args.resolution)),
        fidelity=fidelity,
        pretrained=read_pretrained(args.pretrained),
        seed=args.seed,
        device=args.device,
    )
    return config, architecture


def train(
    config: SearchConfig, architecture: Architecture, *, out: str | None, as_json: bool
) -> int:
    """Train one network; returns the exit code."""
    from studies.display import display
    from studies.single_training import train_one

    with display() as observer:
        outcome = train_one(config, architecture, observer)
    if as_json:
        print(json.dumps(outcome.to_json(), indent=2))
    else:
        outcome.print()
    if out:
        from studies.commands.export import print_export, tell
        from studies.export import export

        report = export(
            outcome.network,
            Path(out),
            tasks=outcome.tasks,
            resolution=config.budget.deployment.resolution,
            metrics=outcome.metrics,
            progress=tell,
        )
        if not as_json:
            print_export(report)
    return 0
