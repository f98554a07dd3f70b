"""Metrics of a network on a split, and of the best constant prediction beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from nas.data.batches import gather, normalize
from nas.data.cache import CachedFrames
from nas.network import Network
from nas.tasks.task import LabelStatistics, Task

_BATCH = 16

#: Metric by its name, by task.
Metrics = dict[str, dict[str, float]]


@torch.inference_mode()
def evaluate(network: Network, sets: Sequence[CachedFrames], tasks: Mapping[str, Task]) -> Metrics:
    """Metrics of every output of the network on all labelled frames of the sets, in fp32."""
    device = next(network.parameters()).device
    training, evaluators = network.training, {n: tasks[n].evaluator() for n in network.plan.outputs}
    network.eval()
    wanted = {name: tasks[name] for name in evaluators}
    for cached in sets:
        if not set(cached.labels) & set(wanted):
            continue
        for start in range(0, len(cached), _BATCH):
            indices = range(start, min(start + _BATCH, len(cached)))
            raw, labels = gather(cached, indices, wanted, network.streams)
            outputs = network(normalize(raw.to(device)))
            for name, label in labels.items():
                evaluators[name].update(outputs[name], label.to(device))
    network.train(training)
    return {name: evaluator.result() for name, evaluator in evaluators.items()}


def label_statistics(
    sets: Sequence[CachedFrames], tasks: Mapping[str, Task]
) -> dict[str, LabelStatistics]:
    """What the labels of the sets say of each task."""
    return {
        name: task.statistics(
            label
            for cached in sets
            if name in cached.labels
            for label, there in zip(cached.labels[name], cached.labelled[name], strict=True)
            if there
        )
        for name, task in tasks.items()
    }


def constant_metrics(
    statistics: Mapping[str, LabelStatistics],
    sets: Sequence[CachedFrames],
    tasks: Mapping[str, Task],
) -> Metrics:
    """Metrics of the best constant prediction, found on training labels, on other sets."""
    return {
        name: dict(
            task.evaluate_constant(
                statistics[name],
                (
                    label
                    for cached in sets
                    if name in cached.labels
                    for label in cached.labels[name]
                ),
                sets[0].resolution,
            )
        )
        for name, task in tasks.items()
    }
