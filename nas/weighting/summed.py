"""The plain sum of the losses."""

from __future__ import annotations

from nas.weighting.scheme import WeightedSum, WeightingStep


class Summed(WeightedSum):
    """L = Σ L_i. The largest loss decides where the shared parameters go."""

    def _weigh(self, step: WeightingStep) -> dict[str, float]:
        return dict.fromkeys(step.losses, 1.0)
