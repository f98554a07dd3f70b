from __future__ import annotations

from typing import Any

import torch


def test_the_sum_is_what_autograd_gives_for_the_sum(make: Any, toy: Any) -> None:
    got = toy.gradients(make("sum"))
    expected = torch.autograd.grad(sum(toy.losses().values()), toy.parameters)
    for one, other in zip(got, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-5)
