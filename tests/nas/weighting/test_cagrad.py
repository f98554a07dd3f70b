from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from nas.weighting.cagrad import worst_mixture

C = 0.4


def best_direction(gradients: np.ndarray, cells: int = 200) -> np.ndarray:
    """The paper's d from the best w on a fine grid of the simplex of three tasks."""
    mean = gradients.mean(0)
    grid = np.array(
        [(i, j, cells - i - j) for i in range(cells + 1) for j in range(cells + 1 - i)], float
    )
    mixed = grid / cells @ gradients
    radius = C * np.linalg.norm(mean)
    index = (mixed @ mean + radius * np.linalg.norm(mixed, axis=1)).argmin()
    return mean + radius * mixed[index] / np.linalg.norm(mixed[index])


def test_gradients_are_three_times_the_best_direction_of_a_fine_grid(make: Any, toys: Any) -> None:
    toy = toys(scales={"a": 1.0, "b": 2.0, "c": 0.7})
    for _ in range(5):
        plain = toy.task_gradients()
        shared = np.stack(
            [torch.cat([g.flatten() for g in part[:2]]).double().numpy() for part in plain.values()]
        )
        got = toy.gradients(make("cagrad"))
        combined = torch.cat([g.flatten() for g in got[:2]]).double().numpy()
        expected = 3 * best_direction(shared)
        assert np.linalg.norm(combined - expected) < 0.02 * np.linalg.norm(expected)
        for index, name in enumerate(plain):
            assert torch.allclose(got[2 + index], plain[name][2 + index], rtol=1e-5)
        with torch.no_grad():
            for parameter, gradient in zip(toy.parameters, got, strict=True):
                parameter -= 0.05 * gradient


@pytest.mark.parametrize("seed", range(12))
def test_the_worst_mixture_is_found_also_where_gradients_differ_by_orders(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gradients = rng.normal(size=(3, 6)) * 10.0 ** rng.uniform(-1.5, 0, (3, 1))
    products = gradients @ gradients.T
    products /= np.diagonal(products).max()
    radius = C * float(np.sqrt(products.mean()))

    def objective(w: np.ndarray) -> float:
        return float(w @ products.mean(1) + radius * np.sqrt(max(w @ products @ w, 0.0)))

    cells = 200
    grid = [
        np.array((i, j, cells - i - j), float) / cells
        for i in range(cells + 1)
        for j in range(cells + 1 - i)
    ]
    found = worst_mixture(products, radius)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    assert objective(found) <= min(objective(w) for w in grid) + 1e-4


def test_no_task_is_hurt_more_than_by_the_mean(make: Any, toys: Any) -> None:
    toy = toys(scales={"a": 1.0, "b": 2.0, "c": 0.7})
    shared = [torch.cat([g.flatten() for g in p[:2]]) for p in toy.task_gradients().values()]
    got = torch.cat([g.flatten() for g in toy.gradients(make("cagrad"))[:2]])
    mean = sum(shared)
    assert min(float(g @ got) for g in shared) >= min(float(g @ mean) for g in shared)
