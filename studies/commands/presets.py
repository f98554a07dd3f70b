"""``neurall-search presets``: known networks with their costs."""

from __future__ import annotations

import argparse
import json

from nas.cost import DEPLOYMENT, cost_of
from nas.quantity import written
from search_spaces.presets import PRESETS, preset
from studies.commands.networks import default_tasks


def run(args: argparse.Namespace) -> int:
    """Print every preset for the tasks."""
    tasks = default_tasks(args)
    costs = {name: cost_of(preset(name, tasks)) for name in PRESETS}
    names = sorted(task.name for task in tasks)
    if args.json:
        entries = [
            {"name": name, "tasks": names, "macs": cost.macs, "params": cost.params}
            for name, cost in costs.items()
        ]
        print(json.dumps(entries, indent=2))
        return 0
    print(f"tasks {', '.join(names)}; per frame at {DEPLOYMENT}")
    for name, cost in costs.items():
        macs, params = written("macs", cost.macs), written("params", cost.params)
        print(f"  {name:22} {macs:>10}  {params:>14}  {(PRESETS[name].__doc__ or '').strip()}")
    return 0
