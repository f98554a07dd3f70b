"""How well a task does on one batch, as a number between 0 and 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nas.tasks.task import LabelStatistics, Task


@torch.no_grad()
def key_performance(
    task: Task, output: Tensor, label: Tensor, statistics: LabelStatistics
) -> float:
    """The task's primary metric on a batch, brought to 0..1 where higher is better.

    A metric to maximise is a share already. One to minimise, x, becomes c / (c + x) with c that of
    the best constant prediction on the same labels: 1 without error, ½ where the network is no
    better than the constant. A metric that says nothing on the batch counts as 0.
    """
    label = task.unordered(label)
    value = _primary(task, output.detach(), label)
    if task.primary.direction == "maximize":
        return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0
    reference = max(_primary(task, task.constant_like(statistics, output), label), 0.0)
    if value == 0:
        return 1.0
    share = reference / (reference + value)
    return share if math.isfinite(share) else 0.0


def _primary(task: Task, output: Tensor, label: Tensor) -> float:
    evaluator = task.evaluator()
    evaluator.update(output, label)
    return evaluator.result()[task.primary.name]
