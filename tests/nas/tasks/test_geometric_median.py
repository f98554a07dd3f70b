from __future__ import annotations

import numpy as np
import pytest

from nas.tasks.geometric_median import geometric_median


def test_the_median_on_a_line_is_the_middle_point() -> None:
    points = np.array([[0.0], [1.0], [100.0]])
    assert geometric_median(points) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("scaled", [False, True])
def test_no_point_nearby_is_closer_to_all(scaled: bool) -> None:
    generator = np.random.default_rng(0)
    points = generator.lognormal(0, 1, (40, 3))
    scales = generator.uniform(0.5, 2, (40, 3)) if scaled else np.ones((40, 3))

    def total(middle: np.ndarray) -> float:
        return float(np.linalg.norm((points - middle) * scales, axis=1).sum())

    best = geometric_median(points, scales if scaled else None)
    others = best + generator.normal(0, 0.02, (200, 3))
    assert total(best) <= min(map(total, others))


def test_the_median_of_one_repeated_point_is_that_point() -> None:
    assert geometric_median(np.full((5, 2), 3.0)).tolist() == [3, 3]
