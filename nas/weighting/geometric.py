"""The geometric mean of the losses, NeurAll's product."""

from __future__ import annotations

import math

from nas.weighting.scheme import WeightedSum, WeightingStep, values_of

#: Keeps the weight of a tiny loss finite.
_EPSILON = 1e-8


class Geometric(WeightedSum):
    """L = (Π (L_i + ε))^(1/n), NeurAll (arXiv 1902.03589), eq. 1; MultiNet++, arXiv 1904.08492.

    Its gradient is Σ w_i ∇L_i with w_i = L / (n (L_i + ε)): each loss counts by what it changes
    in relative terms, so their units do not matter.
    """

    def _weigh(self, step: WeightingStep) -> dict[str, float]:
        shifted = {name: value + _EPSILON for name, value in values_of(step.losses).items()}
        mean = math.exp(sum(math.log(value) for value in shifted.values()) / len(shifted))
        return {name: mean / (len(shifted) * value) for name, value in shifted.items()}
