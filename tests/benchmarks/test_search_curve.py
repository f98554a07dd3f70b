from __future__ import annotations

import random

import pytest
from search_curve import Scale, first_reach, hypervolume, ratio


def test_hypervolume_is_the_share_of_a_grid_that_is_dominated() -> None:
    rng = random.Random(0)
    cells = 40
    for count in (1, 2, 5, 9):
        points = [(rng.randint(-5, cells), rng.randint(-5, cells)) for _ in range(count)]
        dominated = sum(
            any(x > i and y > j for x, y in points) for i in range(cells) for j in range(cells)
        )
        area = hypervolume([(x / cells, y / cells) for x, y in points])
        assert area == pytest.approx(dominated / cells**2)


def test_hypervolume_of_nothing_and_of_what_is_beyond_the_reference_is_zero() -> None:
    assert hypervolume([]) == 0
    assert hypervolume([(-0.1, 0.9), (0.9, -0.1), (0.0, 1.0)]) == 0


def test_scale_maps_the_reference_point_to_zero_and_the_ideal_to_one() -> None:
    for macs in ("log", "linear"):
        scale = Scale(worst=-50, best=10, cheapest=1e8, budget=1e10, macs=macs)  # type: ignore[arg-type]
        assert scale.point(-50, 1e10) == pytest.approx((0, 0))
        assert scale.point(10, 1e8) == pytest.approx((1, 1))


def test_logarithmic_scale_gives_each_halving_the_same_length() -> None:
    scale = Scale(worst=0, best=1, cheapest=1e8, budget=16e8)
    assert scale.point(0, 8e8)[1] == pytest.approx(0.25)
    assert scale.point(0, 4e8)[1] == pytest.approx(0.5)


def test_level_is_reached_where_the_line_between_two_points_crosses_it() -> None:
    assert first_reach([1, 2, 4], [0.0, 0.2, 0.4], 0.3) == pytest.approx(3)
    assert first_reach([1, 2, 4], [0.0, 0.4, 0.1], 0.2) == pytest.approx(1.5)
    assert first_reach([1, 2], [0.5, 0.6], 0.2) == 1
    assert first_reach([1, 2], [0.5, 0.6], 0.7) is None


def test_ratio_counts_what_the_other_spent_until_it_first_had_its_final_value() -> None:
    spent = [1.0, 2.0, 4.0, 8.0]
    found = ratio(spent, [0.1, 0.4, 0.6, 0.7], spent, [0.0, 0.1, 0.2, 0.4])
    assert found.value == pytest.approx(8 / 2)
    assert not found.at_least
    stalled = ratio(spent, [0.1, 0.4, 0.6, 0.7], spent, [0.0, 0.4, 0.4, 0.4])
    assert stalled.value == pytest.approx(1)


def test_ratio_says_where_it_is_a_lower_bound_and_where_there_is_none() -> None:
    spent = [1.0, 4.0]
    assert str(ratio(spent, [0.5, 0.6], spent, [0.1, 0.5])) == "more than 4.00"
    assert str(ratio(spent, [0.1, 0.2], spent, [0.1, 0.5])) == "never reached"
