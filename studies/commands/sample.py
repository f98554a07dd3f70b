"""``neurall-search sample``: random networks of the space with their costs."""

from __future__ import annotations

import argparse
import json
import random

from nas.quantity import written
from search_spaces.space import SearchSpace
from studies.commands.costing import budget_of, priced
from studies.commands.networks import default_tasks
from studies.commands.values import assignments


def run(args: argparse.Namespace) -> int:
    """Print networks drawn at random; with a budget, whether each is within."""
    budget = budget_of(args)
    space = SearchSpace.for_tasks(default_tasks(args)).fix(assignments(args.fix))
    rng = random.Random(args.seed)
    networks = [space.sample(rng) for _ in range(args.count)]
    entries = [priced(network, budget) for network in networks]
    if args.json:
        print(json.dumps(entries, indent=2))
        return 0
    print(f"{args.count} of {space.size():.4g} networks; {budget.explain()}")
    for network, entry in zip(networks, entries, strict=True):
        fits = "" if not budget.bounds else "  fits" if entry["within_budget"] else "  over budget"
        encoder = network.encoder
        print(
            f"{network.id}  {encoder.depth:9} {encoder.width:3}  {network.decoder.kind:4}  "
            f"{written('macs', _number(entry['macs'])):>10}  "
            f"{written('params', _number(entry['params'])):>13}{fits}"
        )
    return 0


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
