"""How much each filter matters, task by task.

The Taylor criterion is |w · ∂L/∂w| (Molchanov et al., arXiv 1906.10771, eq. 8) summed over the
weights of a filter and of all that is cut with it; the gradient is a single task's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nas.data.batches import Batch
from nas.network import Network
from nas.tasks.task import LabelStatistics, Task
from pruning.groups import Coupling, Criterion


def importance_by_task(
    network: Network,
    found: Sequence[Coupling],
    tasks: Mapping[str, Task],
    statistics: Mapping[str, LabelStatistics],
    batches: Sequence[Batch],
    criterion: Criterion = "taylor",
) -> dict[str, list[Tensor]]:
    """Importance ``(channels,)`` of every coupling by task, its mean over all filters one.

    So no task outweighs another by the scale of its loss. Leaves the network as it was, without
    gradients. Magnitude knows no task: there all tasks get the same numbers.
    """
    scores = {}
    for name, task in tasks.items():
        with untouched(network):
            if criterion == "taylor":
                _accumulate_gradients(network, task, statistics[name], batches)
            scores[name] = [coupling.score(criterion) for coupling in found]
    return {name: _normalized(values) for name, values in scores.items()}


def _accumulate_gradients(
    network: Network, task: Task, statistics: LabelStatistics, batches: Sequence[Batch]
) -> None:
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for batch in batches:
        if task.spec.name in batch.labels:
            output = network(batch.frames)[task.spec.name]
            loss = task.loss(output, batch.labels[task.spec.name], statistics)
            loss.backward()  # type: ignore[no-untyped-call]


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; training mode as it was, and no gradients, after."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
        network.zero_grad(set_to_none=True)


def _normalized(scores: list[Tensor]) -> list[Tensor]:
    everything = torch.cat(scores)
    mean = everything.mean()
    return [score / mean if mean > 0 else score for score in scores]
