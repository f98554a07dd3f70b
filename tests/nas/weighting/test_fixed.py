from __future__ import annotations

from typing import Any

import torch


def test_losses_count_as_often_as_the_architecture_says(make: Any, toy: Any) -> None:
    weighting = make("fixed", a=400.0, c=0.5)
    got = toy.gradients(weighting)
    losses = toy.losses()
    total = 400 * losses["a"] + losses["b"] + 0.5 * losses["c"]
    for one, other in zip(got, torch.autograd.grad(total, toy.parameters), strict=True):
        assert torch.allclose(one, other, rtol=1e-5)
    assert weighting.weights == {"a": 400.0, "b": 1.0, "c": 0.5}
