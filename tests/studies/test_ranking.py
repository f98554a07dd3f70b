from __future__ import annotations

import time

import numpy as np
import pytest

from studies.ranking import Array, nondominated_ranks, spread_order


def _brute(losses: Array) -> list[int]:
    """By the definition: peel off what nothing left dominates, one pair at a time."""
    left, ranks, layer = set(range(len(losses))), [0] * len(losses), 0
    while left:
        front = {
            i
            for i in left
            if not any(
                all(a <= b for a, b in zip(losses[j], losses[i], strict=True))
                and any(a < b for a, b in zip(losses[j], losses[i], strict=True))
                for j in left
            )
        }
        for i in front:
            ranks[i] = layer
        left -= front
        layer += 1
    return ranks


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_layers_are_those_of_the_definition(columns: int) -> None:
    rng = np.random.default_rng(columns)
    for _ in range(40):
        losses = rng.integers(0, 6, (int(rng.integers(0, 25)), columns)).astype(float)
        assert nondominated_ranks(losses).tolist() == _brute(losses)


def test_infinite_losses_are_the_last_layer() -> None:
    losses = np.array([[np.inf, np.inf], [1.0, 2.0], [2.0, 1.0], [np.inf, np.inf]])
    assert nondominated_ranks(losses).tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("chain", [False, True])
def test_ten_thousand_points_take_a_moment(chain: bool) -> None:
    losses = np.random.default_rng(0).random((10_000, 2))
    losses = np.sort(losses, axis=0) if chain else losses
    begin = time.perf_counter()
    ranks = nondominated_ranks(losses)
    assert time.perf_counter() - begin < 0.5  # measured: 0.02 s
    assert ranks.max() == 9_999 if chain else ranks.max() < 300


def test_an_order_that_spreads_goes_to_the_ends_first_then_into_the_widest_gap() -> None:
    points = np.array([[2.0, 8.0], [1.0, 9.0], [0.0, 10.0], [10.0, 0.0], [6.0, 4.0]])
    assert spread_order(points).tolist() == [2, 3, 4, 0, 1]


def test_the_scale_of_a_column_does_not_matter_to_the_spread() -> None:
    points = np.random.default_rng(3).random((12, 3))
    scaled = points * [1e9, 1e-3, 1.0] + [5.0, 0.0, -2.0]
    assert spread_order(scaled).tolist() == spread_order(points).tolist()


def test_every_beginning_of_the_spread_order_covers_about_as_well_as_can_be() -> None:
    """Farthest-first covers within twice the best radius (Gonzalez 1985)."""
    points = np.random.default_rng(1).random((9, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / (high - low)
    gaps = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    order = spread_order(points)
    best = min(
        gaps[:, [a, b, c]].min(axis=1).max() for a in range(9) for b in range(a) for c in range(b)
    )
    assert gaps[:, order[:3]].min(axis=1).max() <= 2 * best


def test_equal_points_keep_their_order() -> None:
    assert spread_order(np.ones((4, 2))).tolist() == [0, 1, 2, 3]
