"""``neurall-search sample``: random networks of the space with their costs."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable

from nas.quantity import written
from search_spaces.architecture import Architecture
from search_spaces.space import SearchSpace
from studies.commands.costing import budget_of, priced
from studies.commands.networks import default_tasks
from studies.commands.values import assignments

#: So many networks are priced in less than two seconds.
_QUICK = 400


def run(args: argparse.Namespace) -> int:
    """Print networks drawn at random; with a budget, whether each is within."""
    budget = budget_of(args)
    space = SearchSpace.for_tasks(default_tasks(args)).fix(assignments(args.fix))
    rng = random.Random(args.seed)
    networks = [space.sample(rng) for _ in range(args.count)]
    slow = budget.needs_latency or args.count > _QUICK
    entries = [priced(network, budget) for network in (_told(networks) if slow else networks)]
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


def _told(networks: list[Architecture]) -> Iterable[Architecture]:
    """The networks, with a bar on standard error as they go by."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(networks, "cost", console=console, transient=True, disable=not console.is_terminal)


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
