from __future__ import annotations

import random
from itertools import product

import pytest

from studies.pareto import Direction, front_indices

_WAYS: list[Direction] = ["maximize", "minimize"]


def _brute(points: list[tuple[float, ...]], directions: list[Direction]) -> list[int]:
    """By the definition, one coordinate at a time."""
    front = []
    for i, point in enumerate(points):
        beaten = False
        for other in points:
            no_worse = better = 0
            for a, b, direction in zip(other, point, directions, strict=True):
                no_worse += a >= b if direction == "maximize" else a <= b
                better += a > b if direction == "maximize" else a < b
            beaten = beaten or (no_worse == len(point) and better > 0)
        if not beaten:
            front.append(i)
    return front


@pytest.mark.parametrize("count", [1, 2, 3])
def test_front_is_that_of_the_definition(count: int) -> None:
    rng = random.Random(count)
    for directions in product(_WAYS, repeat=count):
        for _ in range(30):
            points = [
                tuple(float(rng.randint(0, 4)) for _ in directions)
                for _ in range(rng.randint(0, 12))
            ]
            assert front_indices(points, directions) == _brute(points, list(directions))


def test_equal_points_all_stay() -> None:
    assert front_indices([(1.0, 2.0), (1.0, 2.0), (0.0, 3.0)], ["maximize", "minimize"]) == [0, 1]


def test_no_points_have_no_front() -> None:
    assert front_indices([], ["maximize", "minimize"]) == []


def test_points_of_another_length_are_our_mistake() -> None:
    with pytest.raises(ValueError, match="reshape"):
        front_indices([(1.0,)], ["minimize", "minimize"])
