"""Gradients from which the part that opposes another task's is taken away."""

from __future__ import annotations

import random

import numpy as np

from nas.weighting.gradient_surgery import Floats, GradientSurgery
from search_spaces.architecture import Architecture


class PcGrad(GradientSurgery):
    """Yu et al. 2020, 'Gradient Surgery for Multi-Task Learning', arXiv 2001.06782, algorithm 1.

    g = Σ g_i^PC, where g_i^PC begins as g_i and, for the other tasks j in random order, loses
    (g_i^PC · g_j) / ‖g_j‖² g_j whenever g_i^PC · g_j < 0. The order is drawn anew in every step
    from a generator with a fixed seed.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self._rng = random.Random(0)

    def _combine(self, products: Floats) -> Floats:
        tasks = len(products)
        orders = []
        for task in range(tasks):
            others = [other for other in range(tasks) if other != task]
            self._rng.shuffle(others)
            orders.append(others)
        return project(products, orders)


def project(products: Floats, orders: list[list[int]]) -> Floats:
    """λ of Σ λ_i g_i from the inner products ``(n, n)``; ``orders`` holds the others of each task.

    A projected gradient stays a combination of the g_i, so its coefficients are all there is to it.
    """
    total = np.zeros(len(products))
    for task, others in enumerate(orders):
        coefficients = np.zeros(len(products))
        coefficients[task] = 1.0
        for other in others:
            along = float(coefficients @ products[:, other])
            if along < 0 < products[other, other]:
                coefficients[other] -= along / products[other, other]
        total += coefficients
    return total
