"""Every scheme goes through the same checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from nas.weighting import SCHEMES, LossWeighting, WeightingStep
from search_spaces.vocabulary import Weighting

WORDS: tuple[Weighting, ...] = get_args(Weighting)
EXTREMES = [
    pytest.param({"a": 0.0}, id="one zero"),
    pytest.param({"a": 0.0, "b": 0.0, "c": 0.0}, id="all zero"),
    pytest.param({"a": 1e-30}, id="one tiny"),
    pytest.param({"a": 1e-30, "b": 1e-36, "c": 1e-20}, id="all tiny"),
    pytest.param({"b": 1e15}, id="one huge"),
    pytest.param({"a": 1e15, "b": 1e18, "c": 1e12}, id="all huge"),
    pytest.param({"a": 1e-20, "b": 0.0, "c": 1e15}, id="zero, tiny and huge"),
]


@pytest.fixture(params=WORDS)
def weighting(request: Any, make: Any) -> LossWeighting:
    weights = {"a": 3.0} if request.param == "fixed" else {}
    return make(request.param, **weights)  # type: ignore[no-any-return]


def run(toy: Any, weighting: LossWeighting, subsets: Sequence[Sequence[str]], rate: float) -> Any:
    """Plain gradient descent; gradients of every step, and the losses at its end."""
    trace = []
    for names in subsets:
        gradients = toy.gradients(weighting, names)
        trace.append([g.clone() for g in gradients])
        with torch.no_grad():
            for parameter, gradient in zip(toy.parameters, gradients, strict=True):
                parameter -= rate * gradient / (1e-12 + gradient.norm())
            if weighting.needs_second_pass:
                weighting.after_step(lambda names=names: toy.losses(names))
    return trace


def cosine(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    first, second = (torch.cat([g.flatten() for g in part]).double() for part in (one, other))
    return float(first @ second / (first.norm() * second.norm()))


def test_every_word_of_an_architecture_has_a_scheme() -> None:
    assert set(SCHEMES) == set(WORDS)


@pytest.mark.parametrize("scales", EXTREMES)
def test_extreme_losses_leave_finite_gradients_and_weights(
    weighting: LossWeighting, toys: Any, scales: dict[str, float]
) -> None:
    usual = {"a": 1.0, "b": 30.0, "c": 0.02}
    toy = toys()
    run(toy, weighting, [("a", "b", "c")], 1e-3)
    toy.scales = {**usual, **scales}
    trace = run(toy, weighting, [("a", "b", "c")] * 4, 1e-3)
    toy.scales = usual
    trace += run(toy, weighting, [("a", "b", "c")], 1e-3)
    assert all(torch.isfinite(g).all() for gradients in trace for g in gradients)
    assert any((g != 0).any() for g in trace[-1])
    assert all(0 <= w < float("inf") for w in weighting.weights.values())


def test_a_zero_loss_does_not_silence_the_others(weighting: LossWeighting, toys: Any) -> None:
    toy = toys(scales={"a": 0.0, "b": 1.0, "c": 1.0})
    trunk, _, _, b, c = toy.gradients(weighting)
    assert min(g.abs().max().item() for g in (trunk, b, c)) > 1e-2


def test_the_only_task_of_a_batch_gets_its_own_gradient(weighting: LossWeighting, toy: Any) -> None:
    run(toy, weighting, [("a", "b", "c")] * 3, 1e-2)
    for name in ("a", "b", "c"):
        got = toy.gradients(weighting, [name])
        assert cosine(got, toy.task_gradients([name])[name]) == pytest.approx(1, abs=1e-6)


def test_tasks_without_a_label_get_no_gradient(weighting: LossWeighting, toy: Any) -> None:
    for names in (("a", "b"), ("b", "c"), ("c",), ("a", "b", "c"), ("a", "c")):
        toy.gradients(weighting, names)
        for name, head in toy.heads.items():
            assert (head.grad is not None and bool(head.grad.any())) == (name in names)


def test_labels_that_come_and_go_train_every_task(weighting: LossWeighting, toy: Any) -> None:
    before = {name: loss.item() for name, loss in toy.losses().items()}
    subsets = [("a", "b"), ("b", "c"), ("c", "a"), ("c",), ("a", "b", "c")] * 40
    run(toy, weighting, subsets, 5e-3)
    after = {name: loss.item() for name, loss in toy.losses().items()}
    assert all(after[name] < 0.9 * before[name] for name in before), (before, after)


def test_tasks_that_share_nothing_get_their_own_gradients(
    weighting: LossWeighting, toys: Any
) -> None:
    toy = toys(apart=True)
    for _ in range(3):
        got = toy.gradients(weighting)
    for index, (name, plain) in enumerate(toy.task_gradients().items()):
        assert cosine([got[2 + index]], [plain[2 + index]]) == pytest.approx(1, abs=1e-6), name


def test_gradients_are_added_to_what_is_there(
    weighting: LossWeighting, make: Any, toy: Any
) -> None:
    word = next(w for w, kind in SCHEMES.items() if type(weighting) is kind)
    once = [g.clone() for g in toy.gradients(weighting)]
    fresh = make(word, **({"a": 3.0} if word == "fixed" else {}))
    for parameter in toy.parameters:
        parameter.grad = torch.ones_like(parameter)
    fresh.backward(toy.step())
    for parameter, gradient in zip(toy.parameters, once, strict=True):
        assert torch.allclose(parameter.grad, gradient + 1, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("word", WORDS)
def test_equal_trainings_are_equal_to_the_last_bit(word: Weighting, make: Any, toys: Any) -> None:
    subsets = [("a", "b", "c"), ("a", "b"), ("a", "b", "c")] * 3
    first, second = (run(toys(), make(word), subsets, 1e-2) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_weights_name_every_task(weighting: LossWeighting, toy: Any) -> None:
    assert set(weighting.weights) == {"a", "b", "c"}
    toy.gradients(weighting, ("a", "b"))
    assert set(weighting.weights) == {"a", "b", "c"}


def test_only_schemes_that_need_them_ask_for_indicators(make: Any, toys: Any) -> None:
    class AskedError(RuntimeError):
        pass

    class Toy(toys):  # type: ignore[misc]
        def step(self, *names: Any) -> Any:
            def ask() -> dict[str, float]:
                raise AskedError

            step = super().step(*names)
            return type(step)(losses=step.losses, shared=step.shared, own=step.own, kpis=ask)

    for word in WORDS:
        if word == "dynamic_priority":
            with pytest.raises(AskedError):
                Toy().gradients(make(word))
        else:
            Toy().gradients(make(word))


def test_gradients_keep_the_memory_layout_of_their_parameters(make: Any) -> None:
    """Fused optimizers go through both in memory order."""
    kernel = torch.nn.Parameter(torch.randn(4, 3, 3, 3).to(memory_format=torch.channels_last))
    x = torch.randn(2, 3, 8, 8)
    for word in WORDS:
        kernel.grad = None
        out = torch.nn.functional.conv2d(x, kernel)
        losses = {"a": out.square().mean(), "b": out.sin().mean() + 2}
        make(word).backward(
            WeightingStep(losses=losses, shared=[kernel], own=[], kpis=lambda: {"a": 0.5, "b": 0.4})
        )
        assert kernel.grad is not None
        assert kernel.grad.stride() == kernel.stride()
