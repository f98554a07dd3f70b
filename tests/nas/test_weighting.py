from __future__ import annotations

import pytest
import torch

from nas.weighting import combine


def test_geometric_is_the_root_of_the_product() -> None:
    losses = {"a": torch.tensor(2.0), "b": torch.tensor(4.0), "c": torch.tensor(1.0)}
    assert combine(losses, "geometric").item() == pytest.approx(8 ** (1 / 3), rel=1e-6)


def test_geometric_of_one_task_is_its_loss() -> None:
    assert combine({"a": torch.tensor(0.3)}, "geometric").item() == pytest.approx(0.3, rel=1e-6)


def test_sum_adds() -> None:
    assert combine({"a": torch.tensor(2.0), "b": torch.tensor(0.5)}, "sum").item() == 2.5


@pytest.mark.parametrize("weighting", ["geometric", "sum"])
def test_a_zero_loss_leaves_finite_gradients(weighting: str) -> None:
    zero, other = torch.zeros((), requires_grad=True), torch.ones((), requires_grad=True)
    combine({"zero": zero * 1.0, "other": other * 1.0}, weighting).backward()  # type: ignore[arg-type]
    assert zero.grad is not None
    assert other.grad is not None
    assert torch.isfinite(zero.grad)
    assert torch.isfinite(other.grad)


def test_geometric_gradients_are_equal_in_relative_terms() -> None:
    small, large = torch.tensor(0.01, requires_grad=True), torch.tensor(100.0, requires_grad=True)
    combine({"small": small * 1.0, "large": large * 1.0}, "geometric").backward()
    assert small.grad is not None
    assert large.grad is not None
    assert (small * small.grad).item() == pytest.approx((large * large.grad).item(), rel=1e-4)
