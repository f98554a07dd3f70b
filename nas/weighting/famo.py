"""Weights under which all tasks improve at the same relative speed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

from torch import Tensor

from nas.weighting.learnt_scalars import LearntScalars
from nas.weighting.scheme import WeightedSum, WeightingStep, values_of
from search_spaces.architecture import Architecture

#: γ, which pulls the logits towards equal weights.
_DECAY = 1e-3
_EPSILON = 1e-8
#: No weight is under e^-20 of another one.
_MOST = 10.0


class Famo(WeightedSum):
    """Liu et al. 2023, 'FAMO: Fast Adaptive Multitask Optimization', arXiv 2306.03792, algorithm 1.

    With z = softmax(ξ) over the tasks of the batch the network goes down
    Σ w_i ∇L_i, w_i = c z_i / (L_i + ε), c = 1 / Σ z_j / (L_j + ε), the gradient of c Σ z_i log L_i.
    After the optimizer's step the same batch tells by how much each log loss fell,
    δ_i = log L_i(θ) − log L_i(θ'), and ξ goes down Jᵀδ with J the softmax's Jacobian, so that what
    fell fast counts less from then on. The paper's rate for ξ is 0.025, which is ``RATE``.
    """

    needs_second_pass: ClassVar[bool] = True

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self._logits = LearntScalars(
            architecture.task_names, start=0.0, least=-_MOST, most=_MOST, decay=_DECAY
        )
        self._before: dict[str, float] = {}

    def backward(self, step: WeightingStep) -> None:
        """Add the gradient of c Σ z_i log L_i; remembers the losses for ``after_step``."""
        self._before = {}
        super().backward(step)

    def _weigh(self, step: WeightingStep) -> dict[str, float]:
        self._before = values_of(step.losses)
        shares = self._shares()
        pulls = {name: shares[name] / (value + _EPSILON) for name, value in self._before.items()}
        total = sum(pulls.values())
        return {name: pull / total for name, pull in pulls.items()}

    def after_step(self, losses: Callable[[], Mapping[str, Tensor]]) -> None:
        """Move the logits by how much each loss of the same batch fell."""
        if len(self._before) < 2:
            return
        after = values_of(losses())
        fell = {name: _log(value) - _log(after[name]) for name, value in self._before.items()}
        if all(math.isfinite(value) for value in fell.values()):  # else the next step complains
            shares = self._shares()
            mean = sum(shares[name] * fell[name] for name in shares)
            self._logits.descend({name: shares[name] * (fell[name] - mean) for name in shares})

    def _shares(self) -> dict[str, float]:
        """Softmax of the logits of the tasks that the last batch labels."""
        powers = {name: math.exp(self._logits[name]) for name in self._before}
        return {name: power / sum(powers.values()) for name, power in powers.items()}


def _log(loss: float) -> float:
    return math.log(loss + _EPSILON) if math.isfinite(loss) else math.nan
