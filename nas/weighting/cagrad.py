"""The gradient near the average that helps most the task that it helps least."""

from __future__ import annotations

import math

import numpy as np

from nas.weighting.gradient_surgery import Floats, GradientSurgery

#: The paper's c for segmentation and depth: how far, in shares of ‖g_0‖, to go from the average.
_RADIUS = 0.4
_MOST_STEPS = 200
_TOLERANCE = 1e-10


class CaGrad(GradientSurgery):
    """Liu et al. 2021, 'Conflict-Averse Gradient Descent', arXiv 2110.14048, algorithm 1.

    d = argmax_d min_i g_i · d  with  ‖d − g_0‖ ≤ c ‖g_0‖ and g_0 the mean of the g_i. Its dual:
    with g_w = Σ w_i g_i and w on the simplex minimising g_w · g_0 + c ‖g_0‖ ‖g_w‖, it is
    d = g_0 + c ‖g_0‖ / ‖g_w‖ g_w. The shared parameters get n d, so that c = 0 is the sum.
    """

    def _combine(self, products: Floats) -> Floats:
        scale = float(np.diagonal(products).max())
        if scale == 0:
            return np.ones(len(products))
        scaled = products / scale
        length = math.sqrt(max(float(scaled.mean()), 0.0))  # ‖g_0‖
        w = worst_mixture(scaled, _RADIUS * length)
        mixed = math.sqrt(max(float(w @ scaled @ w), 0.0))  # ‖g_w‖
        return 1 + len(w) * (_RADIUS * length / mixed if mixed else 0.0) * w


def worst_mixture(products: Floats, radius: float) -> Floats:
    """w on the simplex that minimises g_w · g_0 + radius ‖g_w‖, by projected gradients.

    Convex; steps are halved until they help, and it ends where none does.
    """
    towards_mean = products.mean(1)

    def objective(w: Floats) -> float:
        return float(w @ towards_mean) + radius * math.sqrt(max(float(w @ products @ w), 0.0))

    w = np.full(len(products), 1 / len(products))
    best, rate = objective(w), 1.0
    for _ in range(_MOST_STEPS):
        length = math.sqrt(max(float(w @ products @ w), 0.0))
        slope = towards_mean + (radius / length * (products @ w) if length else 0.0)
        candidate = _onto_simplex(w - rate * slope)
        value = objective(candidate)
        if value < best - _TOLERANCE:
            w, best, rate = candidate, value, 2 * rate
        else:
            rate /= 4
            if rate < _TOLERANCE:
                break
    return w


def _onto_simplex(point: Floats) -> Floats:
    """The nearest point whose numbers are ≥ 0 and sum to 1 (Duchi et al. 2008, figure 1)."""
    ordered = np.sort(point)[::-1]
    excess = (np.cumsum(ordered) - 1) / np.arange(1, len(point) + 1)
    last = int(np.flatnonzero(ordered > excess)[-1])
    return np.asarray(np.maximum(point - excess[last], 0.0), np.float64)
