"""Weights that make the tasks' gradients equally large and their training equally fast."""

from __future__ import annotations

import math

import torch

from nas.weighting.learnt_scalars import LearntScalars
from nas.weighting.scheme import WeightedSum, WeightingStep, values_of
from search_spaces.architecture import Architecture

#: How strongly slow tasks are pushed; the paper's for segmentation, depth and normals (NYUv2).
_ALPHA = 1.5
#: No task is silenced.
_LEAST = 0.01
_EPSILON = 1e-8


class GradNorm(WeightedSum):
    """Chen et al. 2018, arXiv 1711.02257, eq. 1 and 2 and algorithm 1.

    With G_i = ‖∇_W w_i L_i‖ on one reference kernel W, its mean Ḡ, and how far each task is behind
    in its training, r_i = (L_i / L_i(0)) / mean (L_j / L_j(0)), the weights go down the gradient of
    Σ |G_i − Ḡ r_i^α|, whose targets are held constant: ∂/∂w_i = sign(G_i − Ḡ r_i^α) ‖∇_W L_i‖. Then
    they are scaled so that their sum stays the number of tasks; where a batch labels only some,
    so that the sum of these stays what it was.

    W is the last kernel among the shared parameters: of the deepest encoder stage that most of the
    labelled tasks need, so the extra backward passes go through decoders and branches only.
    Weights of tasks that do not reach it rest, all of them where nothing is shared.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        names = architecture.task_names
        self._learnt = LearntScalars(names, start=1.0, least=_LEAST, most=float(len(names)))
        self._first: dict[str, float] = {}

    def _weigh(self, step: WeightingStep) -> dict[str, float]:
        weights = {name: self._learnt[name] for name in step.losses}
        values = values_of(step.losses)
        for name, value in values.items():
            self._first.setdefault(name, max(value, _EPSILON))
        norms = _reference_norms(step)
        if len(norms) > 1:
            self._learn(norms, {name: values[name] / self._first[name] for name in norms})
        return weights

    def _learn(self, norms: dict[str, float], left: dict[str, float]) -> None:
        """``norms`` of the unweighted gradients; ``left`` of each loss, as a share of its first."""
        total = sum(self._learnt[name] for name in norms)
        weighted = {name: self._learnt[name] * norm for name, norm in norms.items()}
        mean_norm = sum(weighted.values()) / len(weighted)
        mean_left = sum(left.values()) / len(left)
        gradients = {}
        for name, norm in norms.items():
            target = mean_norm * (left[name] / mean_left) ** _ALPHA
            sign = (weighted[name] > target) - (weighted[name] < target)
            gradients[name] = sign * norm
        self._learnt.descend(gradients)
        scale = total / sum(self._learnt[name] for name in norms)
        for name in norms:
            self._learnt.assign(name, self._learnt[name] * scale)


def _reference_norms(step: WeightingStep) -> dict[str, float]:
    """‖∇_W L_i‖ of each task that reaches the reference kernel W."""
    norms: dict[str, float] = {}
    kernels = [p for p in step.shared if p.ndim > 1]
    if not kernels or len(step.losses) < 2:
        return {}
    for name, loss in step.losses.items():
        (gradient,) = torch.autograd.grad(loss, kernels[-1], retain_graph=True, allow_unused=True)
        if gradient is not None:
            norm = torch.linalg.vector_norm(gradient, dtype=torch.float64).item()
            if math.isfinite(norm):
                norms[name] = norm
    return norms
