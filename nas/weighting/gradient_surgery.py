"""Gradients of the shared parameters, one a task, and what makes one of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nas.weighting.scheme import LossWeighting, WeightingStep, backward_sum

Floats = NDArray[np.float64]
Gradients = list[Sequence[Tensor | None]]


class GradientSurgery(LossWeighting):
    """A scheme that combines the tasks' gradients g_i of the shared parameters as Σ λ_i g_i.

    λ depends on the n × n inner products of the g_i alone. Parameters that one task needs get its
    plain gradient. Takes a backward pass a task, and memory for a gradient of the shared
    parameters a task; one pass where a batch labels one task or nothing is shared.
    """

    def _backward(self, step: WeightingStep) -> None:
        names = list(step.losses)
        if len(names) == 1 or not step.shared:
            self._weights.update(dict.fromkeys(names, 1.0))
            backward_sum(step.losses)
            return
        gradients = _gradients(step)
        products = _products(step.shared, gradients)
        factors = self._combine(products)
        self._weights.update(zip(names, factors.tolist(), strict=True))
        for index, parameter in enumerate(step.shared):
            there = [task[index] for task in gradients]
            if any(gradient is not None for gradient in there):
                _add(
                    parameter,
                    _stacked(there, parameter).T @ torch.from_numpy(factors).to(parameter.device),
                )

    @abstractmethod
    def _combine(self, products: Floats) -> Floats:
        """λ ``(n,)`` from the inner products ``(n, n)`` of the gradients g."""


def _gradients(step: WeightingStep) -> Gradients:
    """Gradients of the shared parameters by task; those of the others are added to ``.grad``."""
    parameters = [*step.shared, *step.own]
    last = len(step.losses) - 1
    found: Gradients = []
    for index, loss in enumerate(step.losses.values()):
        gradients = torch.autograd.grad(
            loss, parameters, retain_graph=index < last, allow_unused=True
        )
        found.append(gradients[: len(step.shared)])
        for parameter, gradient in zip(step.own, gradients[len(step.shared) :], strict=True):
            if gradient is not None:
                _add(parameter, gradient)
    return found


def _products(shared: Sequence[nn.Parameter], gradients: Gradients) -> Floats:
    """Inner products ``(n, n)`` of the tasks' gradients, in fp64."""
    total = torch.zeros(
        len(gradients), len(gradients), dtype=torch.float64, device=shared[0].device
    )
    for index, parameter in enumerate(shared):
        stacked = _stacked([task[index] for task in gradients], parameter)
        total += stacked @ stacked.T
    return total.cpu().numpy()


def _stacked(gradients: Sequence[Tensor | None], parameter: nn.Parameter) -> Tensor:
    """``(n, numbers of the parameter)`` in fp64: huge and tiny gradients meet in one product."""
    return torch.stack(
        [
            torch.zeros(parameter.numel(), dtype=torch.float64, device=parameter.device)
            if gradient is None
            else gradient.reshape(-1).double()
            for gradient in gradients
        ]
    )


def _add(parameter: nn.Parameter, gradient: Tensor) -> None:
    """Add to ``.grad``, in the parameter's memory layout, which fused optimizers rely on."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    parameter.grad += gradient.view(parameter.shape)
