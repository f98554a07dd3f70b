from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

from nas.weighting import LossWeighting, WeightingStep, make_weighting
from search_spaces.architecture import Architecture
from search_spaces.loss_weights import LossWeight
from search_spaces.sharing import Sharing
from search_spaces.task_spec import TaskSpec
from search_spaces.vocabulary import Weighting

SPECS = (
    TaskSpec(name="a", kind="depth", channels=1),
    TaskSpec(name="b", kind="segmentation", channels=2, classes=("x", "y")),
    TaskSpec(name="c", kind="depth", channels=1),
)
NAMES = tuple(spec.name for spec in SPECS)


@dataclass
class Toy:
    """Three regressions on one linear map of fixed inputs, whose losses differ by orders."""

    scales: Mapping[str, float] = field(default_factory=lambda: {"a": 1.0, "b": 30.0, "c": 0.02})
    indicators: Mapping[str, float] = field(default_factory=lambda: {"a": 0.2, "b": 0.9, "c": 0.5})
    apart: bool = False

    def __post_init__(self) -> None:
        rng = torch.Generator().manual_seed(0)

        def draw(*size: int) -> Tensor:
            return torch.randn(size, generator=rng)

        self.inputs = draw(16, 3)
        self.trunk = nn.Parameter(draw(4, 3))
        self.bias = nn.Parameter(draw(4))
        self.heads = {name: nn.Parameter(draw(4)) for name in NAMES}
        self.targets = {name: draw(16) for name in NAMES}

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [self.trunk, self.bias, *self.heads.values()]

    def losses(self, names: Sequence[str] = NAMES) -> dict[str, Tensor]:
        hidden = (self.inputs @ self.trunk.T + self.bias).tanh()
        if self.apart:
            hidden = self.inputs @ torch.ones(3, 4)
        return {
            name: (hidden @ self.heads[name] - self.targets[name]).square().mean()
            * self.scales[name]
            for name in names
        }

    def step(self, names: Sequence[str] = NAMES) -> WeightingStep:
        shared = [] if self.apart or len(names) < 2 else [self.bias, self.trunk]
        own = [p for p in self.parameters if all(p is not other for other in shared)]
        return WeightingStep(
            losses=self.losses(names),
            shared=shared,
            own=own,
            kpis=lambda: {name: self.indicators[name] for name in names},
        )

    def gradients(self, weighting: LossWeighting, names: Sequence[str] = NAMES) -> list[Tensor]:
        """What a step leaves in ``.grad``, zeros where it left nothing."""
        for parameter in self.parameters:
            parameter.grad = None
        weighting.backward(self.step(names))
        return [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]

    def task_gradients(self, names: Sequence[str] = NAMES) -> dict[str, list[Tensor]]:
        """The plain gradient of each loss by all parameters."""
        return {
            name: [
                torch.zeros_like(p) if g is None else g
                for p, g in zip(
                    self.parameters,
                    torch.autograd.grad(loss, self.parameters, allow_unused=True),
                    strict=True,
                )
            ]
            for name, loss in ((n, self.losses([n])[n]) for n in names)
        }


def scheme(word: Weighting, **weights: float) -> LossWeighting:
    return make_weighting(
        Architecture(
            tasks=SPECS,
            sharing=Sharing.shared(NAMES),
            weighting=word,
            loss_weights=tuple(LossWeight(task=t, weight=w) for t, w in weights.items()),
        )
    )


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def toys() -> type[Toy]:
    return Toy


@pytest.fixture
def make() -> Callable[..., LossWeighting]:
    return scheme
