"""Weights from the noise that each task's predictions are assumed to have."""

from __future__ import annotations

import math

from nas.weighting.learnt_scalars import LearntScalars
from nas.weighting.scheme import WeightedSum, WeightingStep, values_of
from search_spaces.architecture import Architecture

#: Weights stay between one millionth and a million.
_MOST = math.log(1e6)


class Uncertainty(WeightedSum):
    """L = Σ c_i exp(−s_i) L_i + s_i / 2, Kendall, Gal, Cipolla 2018 (arXiv 1705.07115).

    s_i = log σ_i² is learnt with the network. c_i is 1 for tasks with classes (softmax, eq. 10) and
    ½ for all others (Gaussian likelihood, eq. 7). At rest exp(−s_i) = 1 / (2 c_i L_i), so
    each loss is divided by its own size. With s_i = 0 it begins as the sum.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self._factors = {task.name: 1.0 if task.classes else 0.5 for task in self.tasks}
        self._log_variances = LearntScalars(self._factors, start=0.0, least=-_MOST, most=_MOST)
        self._weights = dict(self._factors)

    def _weigh(self, step: WeightingStep) -> dict[str, float]:
        weights = {
            name: self._factors[name] * math.exp(-self._log_variances[name]) for name in step.losses
        }
        self._log_variances.descend(
            {name: 0.5 - weights[name] * value for name, value in values_of(step.losses).items()}
        )
        return weights
