from __future__ import annotations

from typing import Any

import pytest
import torch

from nas.weighting.learnt_scalars import RATE

ALPHA = 1.5


def test_steps_are_those_of_the_paper_by_double_backward(make: Any, toys: Any) -> None:
    toy = toys(scales={"a": 1.0, "b": 1.5, "c": 0.7})
    weighting = make("gradnorm")
    w = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=RATE, betas=(0.9, 0.99))
    first = torch.stack(tuple(toy.losses().values())).detach()
    for _ in range(40):
        used = w.detach().clone()
        got = toy.gradients(weighting)
        losses = torch.stack(tuple(toy.losses().values()))
        expected = torch.autograd.grad((used * losses).sum(), toy.parameters, retain_graph=True)
        for one, other in zip(got, expected, strict=True):
            assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)
        norms = torch.stack(
            [
                torch.autograd.grad(wi * loss, toy.trunk, create_graph=True)[0].norm()
                for wi, loss in zip(w, losses, strict=True)
            ]
        )
        rate = losses / first / (losses / first).mean()
        target = (norms.mean() * rate**ALPHA).detach()
        w.grad = torch.autograd.grad((norms - target).abs().sum(), w)[0]
        optimizer.step()
        with torch.no_grad():
            w.mul_(3 / w.sum())
            for parameter, gradient in zip(toy.parameters, got, strict=True):
                parameter -= 0.01 * gradient
    assert (w - 1).abs().max() > 0.1


def test_the_sum_of_the_weights_stays_the_number_of_tasks(make: Any, toy: Any) -> None:
    weighting = make("gradnorm")
    for names in (("a", "b", "c"), ("a", "b"), ("b", "c")) * 20:
        toy.gradients(weighting, names)
    toy.gradients(weighting)
    assert sum(weighting.weights.values()) == pytest.approx(3, rel=0.01)
    assert weighting.weights["c"] > 1 > weighting.weights["b"]
