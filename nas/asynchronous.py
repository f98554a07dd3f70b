"""Updates of what one task alone needs, only after enough of its samples were seen.

Kokkinos, 'UberNet', arXiv 1609.02132, section 4.2: where the labels of tasks lie in different
data, a batch holds few samples of some tasks or none. The gradients of a task's own parameters
are accumulated until as many of its samples were seen as make a batch; shared parameters learn
from every batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn


@dataclass(kw_only=True)
class _Held:
    """Gradients of one task's own parameters, each times the samples that it came from."""

    samples: int = 0
    sums: dict[int, Tensor] = field(default_factory=dict)


class OwnGradients:
    """Gradients of the parameters that one task alone needs, held back until it is their turn.

    ``own`` are these parameters by task; ``batch`` is how many samples of a task make an update.
    Parameters without a gradient are left alone by optimizers: neither moved nor decayed.
    """

    def __init__(self, own: Mapping[str, Sequence[nn.Parameter]], batch: int) -> None:
        self._own = own
        self._batch = batch
        self._held = {task: _Held() for task in own}

    def settle(self, samples: Mapping[str, int]) -> None:
        """After a backward pass of a batch with so many labelled samples by task.

        Where a task has enough of them, its own parameters get the mean gradient over all that
        was held; otherwise they get none.
        """
        for task, parameters in self._own.items():
            if samples.get(task, 0) < self._batch or self._held[task].samples:
                self._accumulate(task, parameters, samples.get(task, 0))

    def _accumulate(self, task: str, parameters: Sequence[nn.Parameter], samples: int) -> None:
        held = self._held[task]
        held.samples += samples
        for index, parameter in enumerate(parameters):
            if parameter.grad is not None and samples:
                held.sums[index] = held.sums.get(index, 0) + samples * parameter.grad
            parameter.grad = None
        if held.samples >= self._batch:
            for index, total in held.sums.items():
                parameters[index].grad = total / held.samples
            self._held[task] = _Held()
