from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import ALL_TASKS, DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import PARTS, FilterRatio
from search_spaces.sharing import all_sharings
from search_spaces.space import SearchSpace
from search_spaces.synergy import OPERATIONS, SynergyLink

NAMES = ("depth", "motion", "segmentation")


@pytest.fixture(scope="session")
def small_space() -> SearchSpace:
    """The three default tasks with networks that are quick to build and run."""
    return SearchSpace(
        tasks=DEFAULT_TASKS,
        encoders=("resnet10", "resnet18", "resnet26", "efficientnet_lite0"),
        widths=(8, 16, 24),
        decoder_widths=(16, 32),
        streams=(1, 2),
        augmentations=(0, 8, 16),
    )


@pytest.fixture(scope="session")
def all_task_architectures() -> Callable[[int], list[Architecture]]:
    """So many random networks of every task of the embedded world, small enough to run."""
    space = SearchSpace(
        tasks=ALL_TASKS,
        encoders=("resnet10", "resnet18", "resnet26", "efficientnet_lite0"),
        widths=(8, 16),
        decoder_widths=(16, 32),
        streams=(1, 2),
        augmentations=(0, 8),
        pruning=(0.0, 0.5),
    )

    def some(count: int) -> list[Architecture]:
        rng = Random(count)
        return [space.sample(rng) for _ in range(count)]

    return some


@pytest.fixture(scope="session")
def wild() -> Callable[[int], Architecture]:
    """A random architecture by seed with more devices at once than the space would give."""
    return _wild


@pytest.fixture(scope="session")
def small_architectures(small_space: SearchSpace) -> Callable[[int], list[Architecture]]:
    """So many random architectures, half of them from the space; the same ones every time."""

    def some(count: int) -> list[Architecture]:
        rng = Random(count)
        sampled = [small_space.sample(rng) for _ in range(count - count // 2)]
        return sampled + [_wild(seed) for seed in range(count // 2)]

    return some


def _wild(seed: int) -> Architecture:
    rng = Random(seed)
    pairs = [(s, t) for s in NAMES for t in NAMES if s != t]
    return Architecture(
        tasks=DEFAULT_TASKS,
        sharing=rng.choice(all_sharings(NAMES)),
        encoder=EncoderSpec(
            depth=rng.choice(("resnet10", "resnet18", "resnet26", "efficientnet_lite0")),
            width=rng.choice((8, 16, 24)),
        ),
        decoder=DecoderSpec(kind=rng.choice(("fpn", "fcn8")), width=32),
        streams=rng.choice((1, 2)),
        fusion=rng.choice(("concat", "recurrent")),
        links=tuple(
            SynergyLink(source=s, target=t, level=level, operation=rng.choice(OPERATIONS))
            for s, t in pairs
            for level in (4, 8, 16, 32)
            if rng.random() < 0.2
        ),
        augmentations=tuple(
            Augmentation(task=t, stage=stage, channels=8)
            for t in NAMES
            for stage in range(5)
            if rng.random() < 0.4
        ),
        pruning=tuple(
            FilterRatio(task=t, part=part, ratio=rng.choice((0.0, 0.25, 0.5)))
            for t in NAMES
            for part in PARTS
        ),
        auxiliary=tuple(t for t in NAMES[:2] if rng.random() < 0.15),
    )
