"""No two architectures with one plan: whatever the canonical form keeps changes the network."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from nas.compile import compile_plan
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import LEVELS
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import STAGES, EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import PARTS, FilterRatio
from search_spaces.space import SearchSpace
from search_spaces.synergy import OPERATIONS, SynergyLink

# Wide enough that every ratio takes some filters away.
SPACE = SearchSpace.for_tasks(DEFAULT_TASKS).fix({"width": "64", "streams": "1,2"})


def _neighbours(a: Architecture) -> Iterator[Architecture]:
    """Each with one thing less, or one thing more or different, in the space or not."""
    names = a.task_names
    for links in (tuple(x for x in a.links if x != y) for y in a.links):
        yield replace(a, links=links)
    for extra in (tuple(x for x in a.augmentations if x != y) for y in a.augmentations):
        yield replace(a, augmentations=extra)
    for pruning in (tuple(x for x in a.pruning if x != y) for y in a.pruning):
        yield replace(a, pruning=pruning)
    for source, target in ((s, t) for s in names for t in names if s != t):
        taken = {(x.source, x.target, x.level) for x in a.links}
        for level in LEVELS:
            if (source, target, level) not in taken:
                more = SynergyLink(
                    source=source, target=target, level=level, operation=OPERATIONS[level % 3]
                )
                yield replace(a, links=(*a.links, more))
    for name in names:
        for stage in range(STAGES):
            if not a.augmented_channels(name, stage):
                extra = (*a.augmentations, Augmentation(task=name, stage=stage, channels=8))
                yield replace(a, augmentations=extra)
        for part in PARTS:
            if not a.ratio(name, part):
                more_ratio = FilterRatio(task=name, part=part, ratio=0.5)
                yield replace(a, pruning=(*a.pruning, more_ratio))
    yield replace(a, fusion="recurrent" if a.fusion == "concat" else "concat")
    yield replace(a, streams=3 - a.streams)
    yield replace(a, encoder=EncoderSpec(depth=a.encoder.depth, width=a.encoder.width + 8))


def test_equal_plans_mean_equal_architectures() -> None:
    rng = random.Random(0)
    compared = merged = 0
    for _ in range(25):
        architecture = SPACE.sample(rng)
        nodes = compile_plan(architecture).nodes
        for neighbour in _neighbours(architecture):
            same_plan = compile_plan(neighbour).nodes == nodes
            assert same_plan == (neighbour == architecture), (architecture, neighbour)
            compared += 1
            merged += same_plan
    assert compared > 1000
    assert merged > 50
