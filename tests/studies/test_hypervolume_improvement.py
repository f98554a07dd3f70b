"""Expected hypervolume improvement against counting in samples."""

import itertools

import numpy as np
import pytest

from studies.hypervolume_improvement import boxes, expected_improvement, non_dominated_rows


def _dominated_volume(points: np.ndarray, reference: np.ndarray) -> float:
    """Inclusion and exclusion over all subsets: slow, but by definition."""
    volume = 0.0
    for size in range(1, len(points) + 1):
        for chosen in itertools.combinations(points, size):
            sides = np.maximum(reference - np.max(chosen, axis=0), 0)
            volume -= (-1) ** size * sides.prod()
    return volume


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_growth_of_exact_points_is_the_difference_of_volumes(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    front, points = rng.random((5, objectives)), rng.random((20, objectives)) * 1.2
    reference = np.full(objectives, 1.0)
    growth = expected_improvement(points, np.zeros_like(points), front, reference)
    before = _dominated_volume(front, reference)
    for point, found in zip(points, growth, strict=True):
        wanted = _dominated_volume(np.vstack([front, point]), reference) - before
        assert found == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_expectation_is_the_mean_over_samples(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    front, reference = rng.random((4, objectives)), np.full(objectives, 1.0)
    mean, deviation = rng.random((3, objectives)), 0.3 * rng.random((3, objectives))
    deviation[:, -1] = 0.0 if objectives > 1 else deviation[:, -1]
    found = expected_improvement(mean, deviation, front, reference)
    for m, s, expected in zip(mean, deviation, found, strict=True):
        samples = m + s * rng.standard_normal((20_000, objectives))
        growth = expected_improvement(samples, np.zeros_like(samples), front, reference)
        error = growth.std() / np.sqrt(len(growth))
        assert expected == pytest.approx(growth.mean(), abs=5 * error + 1e-9)


def test_boxes_do_not_overlap_and_cover_what_is_not_dominated() -> None:
    rng = np.random.default_rng(0)
    front, reference = rng.random((6, 3)), np.ones(3)
    lower, upper = boxes(front, reference)
    points = rng.random((2000, 3))
    inside = ((points[:, None] >= lower) & (points[:, None] < upper)).all(axis=2).sum(axis=1)
    dominated = (front[None] <= points[:, None]).all(axis=2).any(axis=1)
    assert (inside == ~dominated).all()


def test_without_a_front_all_below_the_reference_counts() -> None:
    found = expected_improvement(
        np.array([[0.5, 0.5], [2.0, 0.0]]), np.zeros((2, 2)), np.zeros((0, 2)), np.ones(2)
    )
    assert found == pytest.approx([0.25, 0.0])


def test_many_objectives_with_a_large_front_stay_bounded() -> None:
    rng = np.random.default_rng(0)
    angles = np.abs(rng.standard_normal((400, 4)))
    front = 1 - angles / np.linalg.norm(angles, axis=1, keepdims=True)
    found = expected_improvement(front[:5] - 0.1, np.zeros((5, 4)), front, np.full(4, 1.1))
    assert (found > 0).all()


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_non_dominated_rows_by_definition(objectives: int) -> None:
    points = np.random.default_rng(1).integers(0, 5, (60, objectives)).astype(float)
    rows = set(non_dominated_rows(points).tolist())
    for i, point in enumerate(points):
        better = ((points <= point).all(axis=1) & (points < point).any(axis=1)).any()
        if better:
            assert i not in rows
        else:
            assert any((points[row] == point).all() for row in rows)
    assert len({tuple(points[row]) for row in rows}) == len(rows)
