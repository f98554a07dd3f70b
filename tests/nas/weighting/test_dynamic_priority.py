from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from nas.weighting.dynamic_priority import focal_weight


def test_weights_are_focal_in_the_running_average_of_the_indicators(make: Any, toy: Any) -> None:
    weighting = make("dynamic_priority")
    average = None
    for a, b, c in ((0.1, 0.9, 0.5), (0.3, 0.95, 0.2), (0.6, 1.0, 0.0)):
        toy.indicators = {"a": a, "b": b, "c": c}
        got = toy.gradients(weighting)
        newest = np.clip([a, b, c], 1e-3, 1 - 1e-3)
        average = newest if average is None else 0.1 * newest + 0.9 * average
        expected = -(1 - average) * np.log(average)
        assert list(weighting.weights.values()) == pytest.approx(expected)
        total = sum(w * x for w, x in zip(expected, toy.losses().values(), strict=True))
        for one, other in zip(got, torch.autograd.grad(total, toy.parameters), strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_the_worse_a_task_does_the_more_it_counts() -> None:
    weights = [focal_weight(kappa) for kappa in (0.001, 0.2, 0.5, 0.9, 0.999)]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] > 0
