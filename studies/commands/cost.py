"""``neurall-search cost``: what one network costs, in total and by task."""

from __future__ import annotations

import argparse
import json

from nas.cost import Cost, cost_of
from nas.quantity import written
from studies.commands.costing import budget_of, complaint, priced
from studies.commands.networks import offered_tasks, read_network


def run(args: argparse.Namespace) -> int:
    """Print the cost; who needs what of it; whether it is within the budget."""
    budget = budget_of(args)
    architecture = read_network(args.network, offered_tasks(args.network, args.tasks))
    if args.json:
        print(json.dumps(priced(architecture, budget), indent=2))
        return 0
    cost = cost_of(architecture, budget.deployment.resolution)
    print(f"architecture {architecture.id} at {budget.deployment.resolution}, per frame")
    rows = [(readers, macs, cost.params_by_task[readers]) for readers, macs in _largest(cost)]
    width = max(len(readers) for readers, _, _ in [*rows, ("total", 0, 0)])
    for readers, macs, params in [*rows, ("total", cost.macs, cost.params)]:
        print(f"  {readers:{width}}  {written('macs', macs):>11}  {written('params', params):>14}")
    print(f"  peak of activations {written('activation_bytes', cost.activation_bytes)}")
    if budget.bounds:
        over = complaint(architecture, budget, cost)
        print(f"budget: {budget.explain()}")
        print(f"over the budget: {over}" if over else "within the budget")
    return 0


def _largest(cost: Cost) -> list[tuple[str, int]]:
    by_task = cost.macs_by_task
    return sorted(by_task.items(), key=lambda item: -item[1])
