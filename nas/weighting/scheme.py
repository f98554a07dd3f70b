"""What a way of weighting losses is given in each step, and what it does with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor, nn

from search_spaces.architecture import Architecture


@dataclass(frozen=True, kw_only=True)
class WeightingStep:
    """One training step, after the forward pass.

    ``losses`` are the scalars ≥ 0, in fp32 and with graph, of the tasks that the batch labels.
    ``shared`` are the parameters that more than one of these tasks needs, in rising order of how
    many; the last one lies deepest in the encoder among those that most of them need. ``own`` are
    all others that are trained. ``kpis`` gives a key performance indicator of each
    labelled task on this batch, between 0 and 1, higher is better; it costs an evaluation.
    """

    losses: Mapping[str, Tensor]
    shared: Sequence[nn.Parameter]
    own: Sequence[nn.Parameter]
    kpis: Callable[[], Mapping[str, float]]


class LossWeighting(ABC):
    """The state of one training's loss weighting; outlives a change of its network.

    ``weights`` are those of the last step in which a task was labelled, 1 before any. A loss of
    exactly zero is left out of its step: it is at its minimum, so it has no gradient to give,
    and in a product or a softmax it would silence the others.
    """

    #: Whether ``after_step`` has to be called; it costs a forward pass.
    needs_second_pass: ClassVar[bool] = False

    def __init__(self, architecture: Architecture) -> None:
        self.tasks = architecture.tasks
        self._weights = {task.name: 1.0 for task in self.tasks}

    @property
    def weights(self) -> Mapping[str, float]:
        """Weight of each task's gradient in the last step that labelled it."""
        return dict(self._weights)

    def backward(self, step: WeightingStep) -> None:
        """Add the gradient of the combined loss to ``.grad`` of all parameters."""
        learning = {name: loss for name, loss in step.losses.items() if loss.item() != 0}
        if learning:
            self._backward(replace(step, losses=learning))

    def after_step(self, losses: Callable[[], Mapping[str, Tensor]]) -> None:
        """The optimizer has moved; ``losses`` gives those of the same batch anew, without graph."""
        return

    @abstractmethod
    def _backward(self, step: WeightingStep) -> None:
        """``backward`` of at least one loss, none of which is zero."""


class WeightedSum(LossWeighting):
    """A scheme whose gradient is Σ w_i ∇L_i with the same w_i for all parameters."""

    def _backward(self, step: WeightingStep) -> None:
        weights = self._weigh(step)
        self._weights.update(weights)
        backward_sum({name: loss * weights[name] for name, loss in step.losses.items()})

    @abstractmethod
    def _weigh(self, step: WeightingStep) -> dict[str, float]:
        """Weight of each loss in this step; the graph has to stay intact."""


def backward_sum(losses: Mapping[str, Tensor]) -> None:
    """Add the gradient of Σ L_i to all parameters in one backward pass."""
    first, *others = losses.values()
    sum(others, first).backward()  # type: ignore[no-untyped-call]


def values_of(losses: Mapping[str, Tensor]) -> dict[str, float]:
    """The losses as numbers."""
    return {name: loss.item() for name, loss in losses.items()}
