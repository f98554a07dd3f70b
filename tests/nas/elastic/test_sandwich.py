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
    return Sandwich(
        _SPACE,
        _REFERENCE,
        effort=_macs,
        large_limit=limit,
        limit=2 * limit,
        allowed=allowed,
        seed=seed,
    )


def _drawn(draw: Sandwich, steps: int = 24) -> list[Architecture]:
    return [network for step in range(steps) for network in draw(step)]


def test_every_fourth_round_is_of_the_large_networks_the_dearest_within_the_limit() -> None:
    draw = _sandwich()
    drawn = _drawn(draw)
    assert len(drawn) == 24
    large = [a for a in drawn if a in draw.large.values()]
    assert large == drawn[:3] + drawn[12:15]
    assert all(a.sharing == Sharing.shared(a.task_names, depth=5) for a in large)
    assert not any(a.pruning for a in large)
    assert _macs(draw.large["basic"]) == _LIMIT
    assert draw.large["basic"].encoder == EncoderSpec(depth="resnet18", width=16)


def test_in_other_rounds_random_ones_within_the_limit_and_allowed_learn() -> None:
    draw = _sandwich(allowed=lambda a: a.streams == 2 and not a.links)
    drawn = [a for a in _drawn(draw) if a not in draw.large.values()]
    assert all(_macs(a) <= 2 * _LIMIT and not a.links for a in drawn)
    assert any(_macs(a) > _LIMIT for a in drawn)
    assert len(drawn) == 18
    assert len(set(drawn)) > 14


def test_families_take_turns_as_often_as_they_have_encoders() -> None:
    families = [blocks_of(a.encoder) for a in _drawn(_sandwich())]
    assert families[:3] * 8 == families
    assert sorted(families[:3]) == ["basic"] * 2 + ["efficientnet_lite"]


def test_seed_and_step_alone_say_which_network_learns() -> None:
    one, other = _sandwich(), _sandwich()
    one(0)
    assert one(5) == other(5)
    assert one(5) != one(8)
    assert one(5) != _sandwich(seed=1)(5)


def test_where_draws_are_not_allowed_a_neighbour_of_the_large_one_stands_in() -> None:
    near = {_REFERENCE.decoder.width, 32, 64}
    draw = _sandwich(
        allowed=lambda a: a.sharing == _REFERENCE.sharing and not a.links and not a.augmentations
    )
    drawn = _drawn(draw, 6)
    assert {a.decoder.width for a in drawn} <= near
    assert all(a.sharing == drawn[0].sharing for a in drawn)


def test_where_nothing_is_allowed_the_large_ones_learn_alone() -> None:
    draw = _sandwich(allowed=lambda _: False)
    assert set(_drawn(draw, 6)) == set(draw.large.values())


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_where_nothing_is_within_the_limit_the_cheapest_of_a_family_is_its_large_one(
    limit: float,
) -> None:
    draw = _sandwich(limit=limit)
    assert draw.large["basic"].encoder == EncoderSpec(depth="resnet10", width=8)
