from __future__ import annotations

import numpy as np
import pytest

from nas.weighting.learnt_scalars import RATE, LearntScalars


def test_scalars_follow_adam() -> None:
    scalars = LearntScalars("ab", start=1.0, least=-10, most=10)
    value, m, v = 1.0, 0.0, 0.0
    for step, gradient in enumerate((3.0, -0.2, 1e4, 0.5), 1):
        scalars.descend({"a": gradient})
        m, v = 0.9 * m + 0.1 * gradient, 0.99 * v + 0.01 * gradient**2
        value -= RATE * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8)
        assert scalars["a"] == pytest.approx(value, rel=1e-9)
    assert scalars["b"] == 1.0


def test_scalars_stay_within_their_limits() -> None:
    scalars = LearntScalars("a", start=0.0, least=-0.05, most=0.05)
    for _ in range(5):
        scalars.descend({"a": 1.0})
    assert scalars["a"] == -0.05
