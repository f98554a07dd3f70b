"""A space as trials show it."""

import random

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from studies.seen_space import SeenSpace, from_unit, levels, to_unit

_KIND = CategoricalDistribution(["plain", "wide"])
_WIDTH = IntDistribution(1, 3)


def test_a_parameter_that_depends_on_another_is_left_out_alike() -> None:
    shown = [{"kind": "plain"}, {"kind": "wide", "width": 2}]
    space = SeenSpace({"kind": _KIND, "width": _WIDTH}, shown)
    draws = [space.sample(random.Random(seed)) for seed in range(20)]
    assert {"plain", "wide"} == {draw["kind"] for draw in draws}
    assert all(("width" in draw) == (draw["kind"] == "wide") for draw in draws)
    assert len(space.everything() or []) == 4


def test_a_parameter_that_nothing_explains_stays() -> None:
    shown = [{"kind": "plain"}, {"kind": "plain", "width": 2}]
    space = SeenSpace({"kind": _KIND, "width": _WIDTH}, shown)
    assert all("width" in space.sample(random.Random(seed)) for seed in range(5))


def test_mutants_differ_and_stay_inside() -> None:
    distributions = {"kind": _KIND, "width": _WIDTH, "rate": FloatDistribution(0.1, 10, log=True)}
    space, rng = SeenSpace(distributions, []), random.Random(0)
    params = space.sample(rng)
    for _ in range(50):
        mutant = space.mutate(params, rng)
        assert mutant != params
        for name, distribution in distributions.items():
            assert distribution._contains(distribution.to_internal_repr(mutant[name]))


@pytest.mark.parametrize(
    "distribution",
    [
        IntDistribution(2, 11, step=3),
        IntDistribution(1, 64, log=True),
        FloatDistribution(-1, 1, step=0.25),
        FloatDistribution(1e-3, 1, log=True),
        FloatDistribution(5, 6),
    ],
)
def test_places_and_numbers_agree(distribution: IntDistribution | FloatDistribution) -> None:
    for unit in (0.0, 0.3, 0.7, 0.999):
        value = from_unit(distribution, unit)
        assert distribution._contains(distribution.to_internal_repr(value))
        assert 0 <= to_unit(distribution, value) <= 1


def test_large_spaces_are_not_enumerated() -> None:
    space = SeenSpace({f"p{i}": IntDistribution(0, 9) for i in range(8)}, [])
    assert space.everything() is None
    assert levels(IntDistribution(0, 10**9)) is None
