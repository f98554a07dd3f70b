"""Weights that somebody chose."""

from __future__ import annotations

from nas.weighting.scheme import WeightedSum, WeightingStep
from search_spaces.architecture import Architecture


class Fixed(WeightedSum):
    """L = Σ w_i L_i with the architecture's ``loss_weights``, 1 where it names none.

    How NeurAll (arXiv 1902.03589) weighs segmentation against its auxiliary depth.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self._weights = {name: architecture.loss_weight(name) for name in architecture.task_names}

    def _weigh(self, step: WeightingStep) -> dict[str, float]:
        return {name: self._weights[name] for name in step.losses}
