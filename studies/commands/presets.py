"""``neurall-search presets``: known networks with their costs."""

from __future__ import annotations

import argparse
import json

from nas.cost import DEPLOYMENT, Cost, cost_of
from nas.quantity import written
from search_spaces.architecture import Architecture
from search_spaces.presets import PRESETS, missing_tasks, preset, preset_names, preset_summary
from studies.commands.networks import default_tasks, offered_tasks


def run(args: argparse.Namespace) -> int:
    """Print every preset that the tasks allow, families written out for them.

    Where no tasks are named, also those that need others than the default ones.
    """
    tasks = default_tasks(args)
    names = dict.fromkeys((*preset_names(tasks), *(() if args.tasks else PRESETS)))
    networks = {name: preset(name, offered_tasks(name, args.tasks)) for name in names}
    costs = {name: cost_of(network) for name, network in networks.items()}
    if args.json:
        entries = [_entry(name, networks[name], cost) for name, cost in costs.items()]
        print(json.dumps(entries, indent=2))
        return 0
    print(f"tasks {', '.join(sorted(task.name for task in tasks))}; per frame at {DEPLOYMENT}")
    width = max(map(len, costs))
    for name, cost in costs.items():
        macs, params = written("macs", cost.macs), written("params", cost.params)
        print(f"  {name:{width}} {macs:>10}  {params:>14}  {preset_summary(name)}")
    for name in PRESETS:
        if name not in networks:
            print(f"not for these tasks: {missing_tasks(name, tasks)}; see --tasks")
    return 0


def _entry(name: str, network: Architecture, cost: Cost) -> dict[str, object]:
    """``tasks`` are those of the network, which may be fewer than were given."""
    return {
        "name": name,
        "tasks": list(network.task_names),
        "macs": cost.macs,
        "params": cost.params,
    }
