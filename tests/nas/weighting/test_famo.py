from __future__ import annotations

from typing import Any

import pytest
import torch

from nas.weighting.learnt_scalars import RATE


@pytest.mark.parametrize("names", [("a", "b", "c"), ("a", "c")])
def test_steps_are_those_of_the_published_algorithm(
    make: Any, toy: Any, names: tuple[str, ...]
) -> None:
    weighting = make("famo")
    logits = torch.zeros(len(names), requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    for _ in range(25):
        losses = torch.stack(tuple(toy.losses(names).values()))
        z = logits.softmax(0)
        c = 1 / (z / losses).sum().detach()
        expected = torch.autograd.grad(
            (c * z.detach() * losses.log()).sum(), toy.parameters, allow_unused=True
        )
        got = toy.gradients(weighting, names)
        for one, other in zip(got, expected, strict=True):
            assert torch.allclose(one, torch.zeros_like(one) if other is None else other, rtol=1e-3)
        with torch.no_grad():
            for parameter, gradient in zip(toy.parameters, got, strict=True):
                parameter -= 0.05 * gradient
        after = torch.stack(tuple(toy.losses(names).values())).detach()
        fell = losses.detach().log() - after.log()
        (logits.grad,) = torch.autograd.grad(z, logits, grad_outputs=fell)
        optimizer.step()
        weighting.after_step(lambda: toy.losses(names))
        assert sum(weighting.weights[name] for name in names) == pytest.approx(1)
    assert logits.abs().max() > 0.05


def test_what_fell_fast_counts_less_from_then_on(make: Any, toys: Any) -> None:
    toy = toys(scales={"a": 1.0, "b": 1.0, "c": 1.0})
    weighting = make("famo")
    toy.gradients(weighting)
    before = weighting.weights
    losses = toy.losses()
    weighting.after_step(lambda: {**losses, "a": losses["a"] * 0.5})
    toy.gradients(weighting)
    assert weighting.weights["a"] < before["a"]


def test_a_batch_without_anything_to_learn_changes_no_weight(make: Any, toys: Any) -> None:
    toy = toys(scales={"a": 1.0, "b": 1.0, "c": 1.0})
    weighting = make("famo")
    toy.gradients(weighting)
    weighting.backward(toys(scales={"a": 0.0, "b": 0.0, "c": 0.0}).step(("a", "b")))
    weighting.after_step(dict)


def test_a_diverged_second_pass_changes_no_weight(make: Any, toy: Any) -> None:
    weighting = make("famo")
    toy.gradients(weighting)
    before = weighting.weights
    weighting.after_step(lambda: {**toy.losses(), "a": torch.tensor(torch.nan)})
    toy.gradients(weighting)
    assert weighting.weights == before
