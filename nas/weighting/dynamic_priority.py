"""Weights that are larger the worse a task does."""

from __future__ import annotations

import math

from nas.weighting.scheme import WeightedSum, WeightingStep
from search_spaces.architecture import Architecture

#: Share of the newest batch in the running average: about ten batches are remembered, as the
#: indicator of one small batch says little.
_NEWEST = 0.1
#: Focus on hard tasks, the paper's γ.
_GAMMA = 1.0
_LEAST = 1e-3


class DynamicPriority(WeightedSum):
    """Guo et al., 'Dynamic Task Prioritization for Multitask Learning', ECCV 2018, section 3.

    L = Σ w_i L_i with w_i = −(1 − κ_i)^γ log κ_i, where κ_i, between 0 and 1, is the running
    average κ ← α k + (1 − α) κ of the task's key performance indicator k on the training batches,
    and begins at the first one. k is kept between 0.001 and 0.999.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self._averages: dict[str, float] = {}

    def _weigh(self, step: WeightingStep) -> dict[str, float]:
        indicators = step.kpis()
        for name in step.losses:
            newest = min(max(indicators[name], _LEAST), 1 - _LEAST)
            before = self._averages.get(name, newest)
            self._averages[name] = _NEWEST * newest + (1 - _NEWEST) * before
        return {name: focal_weight(self._averages[name]) for name in step.losses}


def focal_weight(kappa: float) -> float:
    """−(1 − κ)^γ log κ: falls from above 6 at κ = 0.001 to 1e-6 at 0.999."""
    return -math.pow(1 - kappa, _GAMMA) * math.log(kappa)
