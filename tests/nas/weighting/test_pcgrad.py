from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from nas.weighting.pcgrad import project


def vectors(gradients: dict[str, list[torch.Tensor]], parts: int) -> list[np.ndarray]:
    return [
        torch.cat([g.flatten() for g in part[:parts]]).double().numpy()
        for part in gradients.values()
    ]


def surgery(gradients: list[np.ndarray], rng: random.Random) -> np.ndarray:
    """Algorithm 1 of the paper, on the vectors themselves."""
    orders = []
    for i in range(len(gradients)):
        others = [j for j in range(len(gradients)) if j != i]
        rng.shuffle(others)
        orders.append(others)
    total = np.zeros_like(gradients[0])
    for i, others in enumerate(orders):
        g = gradients[i].copy()
        for j in others:
            if g @ gradients[j] < 0:
                g -= g @ gradients[j] / (gradients[j] @ gradients[j]) * gradients[j]
        total += g
    return total


def test_gradients_are_those_of_the_algorithm_on_whole_vectors(make: Any, toy: Any) -> None:
    weighting, rng, conflicts = make("pcgrad"), random.Random(0), 0
    for _ in range(10):
        plain = toy.task_gradients()
        shared = vectors(plain, 2)
        conflicts += sum(a @ b < 0 for a in shared for b in shared) // 2
        got = toy.gradients(weighting)
        combined = torch.cat([g.flatten() for g in got[:2]]).double().numpy()
        assert np.allclose(combined, surgery(shared, rng), rtol=1e-4, atol=1e-5)
        for index, name in enumerate(plain):
            assert torch.allclose(got[2 + index], plain[name][2 + index], rtol=1e-5)
        with torch.no_grad():
            for parameter, gradient in zip(toy.parameters, got, strict=True):
                parameter -= 0.01 * gradient
    assert conflicts > 3


def test_two_opposed_tasks_keep_what_does_not_hurt_the_other() -> None:
    gradients = np.array([[1.0, 0.0], [-1.0, 1.0]])
    factors = project(gradients @ gradients.T, [[1], [0]])
    first, second = np.array([0.5, 0.5]), np.array([0.0, 1.0])
    assert np.allclose(factors @ gradients, first + second)


def test_agreeing_tasks_are_just_added() -> None:
    products = np.array([[1.0, 0.2], [0.2, 4.0]])
    assert np.array_equal(project(products, [[1], [0]]), [1.0, 1.0])
