from __future__ import annotations

from typing import Any

import pytest
import torch


@pytest.mark.parametrize("names", [("a", "b", "c"), ("a", "c")])
def test_gradients_are_those_of_the_root_of_the_product(
    make: Any, toy: Any, names: tuple[str, ...]
) -> None:
    got = toy.gradients(make("geometric"), names)
    losses = torch.stack(tuple(toy.losses(names).values()))
    root = losses.prod() ** (1 / len(names))
    expected = torch.autograd.grad(root, toy.parameters, allow_unused=True)
    for one, other in zip(got, expected, strict=True):
        assert torch.allclose(one, torch.zeros_like(one) if other is None else other, rtol=1e-4)


def test_the_unit_of_a_loss_does_not_matter(make: Any, toys: Any) -> None:
    metres = toys(scales={"a": 1.0, "b": 1.0, "c": 1.0}).gradients(make("geometric"))
    millimetres = toys(scales={"a": 1000.0, "b": 1.0, "c": 1.0}).gradients(make("geometric"))
    for one, other in zip(metres, millimetres, strict=True):
        assert torch.allclose(10 * one, other, rtol=1e-4)
