from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nas.cost import cost_of
from nas.elastic.address import blocks_of
from nas.elastic.sandwich import Sandwich
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import shared
from search_spaces.sharing import Sharing
from search_spaces.space import SearchSpace

_SPACE = SearchSpace.for_tasks(DEFAULT_TASKS).fix(
    {"encoder": "resnet10,resnet18,efficientnet_lite0", "width": "8,16,24"}
)
_REFERENCE = _SPACE.nearest(shared(DEFAULT_TASKS))


def _macs(architecture: Architecture) -> float:
    return float(cost_of(architecture).macs)


_LIMIT = _macs(replace(_REFERENCE, encoder=EncoderSpec(depth="resnet18", width=16)))


def _sandwich(
    seed: int = 0,
    limit: float = _LIMIT,
    allowed: Callable[[Architecture], bool] = lambda _: True,
) -> Sandwich:
    return Sandwich(_SPACE, _REFERENCE, effort=_macs, limit=limit, allowed=allowed, seed=seed)


def test_the_large_network_of_a_family_comes_first_and_is_the_dearest_within_the_limit() -> None:
    draw = _sandwich()
    for step in range(6):
        large = draw(step)[0]
        assert large in draw.large.values()
        assert large.sharing == Sharing.shared(large.task_names, depth=5)
        assert not large.pruning
    assert _macs(draw.large["basic"]) == _LIMIT
    assert draw.large["basic"].encoder == EncoderSpec(depth="resnet18", width=16)


def test_random_ones_of_the_same_family_stand_beside_it_within_the_limit_and_allowed() -> None:
    draw = _sandwich(allowed=lambda a: a.streams == 2 and not a.links)
    beside = []
    for step in range(6):
        large, *others = draw(step)
        assert {blocks_of(a.encoder) for a in others} == {blocks_of(large.encoder)}
        assert all(_macs(a) <= _LIMIT and not a.links for a in others)
        beside += others
    assert len(beside) == 12
    assert len(set(beside)) > 8


def test_families_take_turns_as_often_as_they_have_encoders() -> None:
    draw = _sandwich()
    families = [blocks_of(draw(step)[0].encoder) for step in range(6)]
    assert families[:3] == families[3:]
    assert sorted(families) == ["basic"] * 4 + ["efficientnet_lite"] * 2


def test_seed_and_step_alone_say_which_networks_learn() -> None:
    one, other = _sandwich(), _sandwich()
    one(0)
    assert one(2) == other(2)
    assert one(2)[1:] != one(5)[1:]
    assert one(2)[1:] != _sandwich(seed=1)(2)[1:]


def test_where_draws_are_not_allowed_a_neighbour_of_the_large_one_stands_in() -> None:
    near = {_REFERENCE.decoder.width, 32, 64}
    draw = _sandwich(
        allowed=lambda a: a.sharing == _REFERENCE.sharing and not a.links and not a.augmentations
    )
    large, *others = draw(0)
    assert {a.decoder.width for a in others} <= near
    assert all(a.sharing == large.sharing for a in others)


def test_where_nothing_is_allowed_the_large_one_learns_alone() -> None:
    large, *others = _sandwich(allowed=lambda _: False)(0)
    assert others == [large, large]


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_where_nothing_is_within_the_limit_the_cheapest_of_a_family_is_its_large_one(
    limit: float,
) -> None:
    draw = _sandwich(limit=limit)
    assert draw.large["basic"].encoder == EncoderSpec(depth="resnet10", width=8)
