"""The warp of values: what is best, what is stretched, and values that are all the same."""

import numpy as np
import pytest

from studies.shortfall_warp import ShortfallWarp


def test_the_order_stays_and_the_best_is_zero() -> None:
    values = np.array([-47.0, -46.0, -30.0, -1.0])
    warped = ShortfallWarp.of(values)(values)
    assert warped[0] == 0.0
    assert (np.diff(warped) > 0).all()


def test_differences_among_good_values_weigh_more_than_among_bad_ones() -> None:
    values = np.array([-47.0, -46.0, -45.0, -5.0, -4.0])
    steps = np.diff(ShortfallWarp.of(values)(values))
    assert steps[0] > 5 * steps[3]


@pytest.mark.parametrize("values", [[3.0], [2.0, 2.0, 2.0], [1.0, 1.0, 1.0, 9.0]])
def test_equal_values_are_survived(values: list[float]) -> None:
    warped = ShortfallWarp.of(np.array(values))(np.array(values))
    assert np.isfinite(warped).all()


def test_values_that_are_missing_stay_so() -> None:
    warped = ShortfallWarp.of(np.array([1.0, 2.0]))(np.array([np.nan, 2.0]))
    assert np.isnan(warped[0])
