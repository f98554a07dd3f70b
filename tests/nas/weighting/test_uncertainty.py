from __future__ import annotations

from typing import Any

import pytest
import torch

from nas.weighting.learnt_scalars import RATE


def test_steps_are_those_of_learning_the_log_variances_by_autograd(make: Any, toy: Any) -> None:
    weighting = make("uncertainty")
    log_variances = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([log_variances], lr=RATE, betas=(0.9, 0.99))
    factors = torch.tensor([0.5, 1.0, 0.5])  # b has classes
    for _ in range(20):
        got = toy.gradients(weighting)
        losses = torch.stack(tuple(toy.losses().values()))
        total = ((-log_variances).exp() * factors * losses + log_variances / 2).sum()
        *expected, slope = torch.autograd.grad(total, [*toy.parameters, log_variances])
        for one, other in zip(got, expected, strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)
        log_variances.grad = slope
        optimizer.step()


def test_weights_come_to_rest_at_half_of_the_inverse_loss(make: Any, toy: Any) -> None:
    weighting = make("uncertainty")
    for _ in range(1500):
        toy.gradients(weighting)
    for name, loss in toy.losses().items():
        assert weighting.weights[name] == pytest.approx(1 / (2 * loss.item()), rel=0.1)
