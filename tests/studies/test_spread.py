from __future__ import annotations

import pytest

from studies.spread import Spread


def test_mean_and_standard_deviation_of_the_sample() -> None:
    spread = Spread(values=(0.1, 0.2, 0.6))
    assert spread.mean == pytest.approx(0.3)
    assert spread.std == pytest.approx((0.04 + 0.01 + 0.09) ** 0.5 / 2**0.5)
    assert Spread(values=(0.1,)).std is None


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ((1.0, 1.2), (2.0, 2.2), True),
        ((1.0, 2.0), (1.4, 2.6), False),
        ((1.0, 1.0), (1.0, 1.0), False),
        ((1.0, 1.0), (1.1, 1.1), True),
        ((1.0,), (9.0, 9.1), False),
    ],
)
def test_values_differ_where_their_means_do_by_more_than_the_seeds(
    one: tuple[float, ...], other: tuple[float, ...], differ: bool
) -> None:
    assert Spread(values=one).differs_from(Spread(values=other)) is differ
    assert Spread(values=other).differs_from(Spread(values=one)) is differ


def test_what_two_have_in_common_by_seed_does_not_hide_their_difference() -> None:
    one, other = Spread(values=(1.0, 5.0, 9.0)), Spread(values=(0.0, 4.1, 7.9))
    assert not one.differs_from(other)
    difference = one.minus(other)
    assert difference.values == pytest.approx((1.0, 0.9, 1.1))
    assert difference.is_clear
    assert other.minus(one).is_clear


@pytest.mark.parametrize("values", [(1.0,), (2.0, -1.0), (0.0, 0.0)])
def test_a_difference_within_its_spread_or_of_one_seed_is_not_clear(
    values: tuple[float, ...],
) -> None:
    assert not Spread(values=values).is_clear


def test_written_with_its_spread_where_there_is_one() -> None:
    assert str(Spread(values=(0.5, 0.6))) == "0.550 ±0.071"
    assert str(Spread(values=(0.5,))) == "0.500"
    assert f"{Spread(values=(1.0, 3.0)):+.1f}" == "+2.0 ±1.4"
    assert f"{Spread(values=(-1.0,)):+.1f}" == "-1.0"
