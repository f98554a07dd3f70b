from __future__ import annotations

import torch
from torch import nn

from nas.asynchronous import OwnGradients


def parameter(gradient: float | None) -> nn.Parameter:
    made = nn.Parameter(torch.zeros(2))
    made.grad = None if gradient is None else torch.full((2,), gradient)
    return made


def gradient_of(made: nn.Parameter) -> float | None:
    return None if made.grad is None else float(made.grad[0])


def test_a_whole_batch_of_samples_updates_at_once() -> None:
    own = parameter(3.0)
    OwnGradients({"depth": [own]}, batch=4).settle({"depth": 4})
    assert gradient_of(own) == 3.0


def test_few_samples_wait_until_there_are_enough() -> None:
    own = parameter(1.0)
    gradients = OwnGradients({"depth": [own]}, batch=4)
    gradients.settle({"depth": 1})
    assert gradient_of(own) is None
    own.grad = torch.full((2,), 5.0)
    gradients.settle({"depth": 3})
    assert gradient_of(own) == (1 * 1.0 + 3 * 5.0) / 4
    own.grad = torch.full((2,), 7.0)
    gradients.settle({"depth": 4})
    assert gradient_of(own) == 7.0


def test_a_task_without_samples_neither_moves_nor_forgets() -> None:
    own, other = parameter(2.0), parameter(None)
    gradients = OwnGradients({"depth": [own], "motion": [other]}, batch=2)
    gradients.settle({"depth": 1})
    own.grad = None
    gradients.settle({"motion": 2})
    assert gradient_of(own) is None
    own.grad = torch.full((2,), 4.0)
    gradients.settle({"depth": 1})
    assert gradient_of(own) == 3.0


def test_a_parameter_that_was_not_reached_stays_without_gradient() -> None:
    reached, other = parameter(1.0), parameter(None)
    OwnGradients({"depth": [reached, other]}, batch=2).settle({"depth": 2})
    assert gradient_of(other) is None
