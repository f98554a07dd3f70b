"""Δm: how much better a multi-task network does its tasks than single-task networks do.

Maninis et al., 'Attentive single-tasking of multiple tasks', CVPR 2019, eq. 6; Vandenhende et
al., arXiv 2004.13379.
"""

from __future__ import annotations

from collections.abc import Mapping

from nas.evaluation import Metrics
from nas.tasks.task import Task
from studies.pareto import Direction

#: A single-task metric below it counts as it: relative change of almost nothing says nothing.
SMALLEST_DENOMINATOR = 0.05


def delta_m(metrics: Metrics, baselines: Metrics, tasks: Mapping[str, Task]) -> float:
    """Mean relative change of the primary metrics in percent, higher is better.

    Over the tasks that ``metrics`` has; a metric that is to be minimized counts with its sign
    turned.
    """
    changes = [relative_change(metrics, baselines, tasks[name]) for name in metrics]
    return sum(changes) / len(changes)


def relative_change(metrics: Metrics, baselines: Metrics, task: Task) -> float:
    """Change of one task's primary metric in percent of its single-task network's."""
    name, metric = task.spec.name, task.primary
    value, baseline = metrics[name][metric.name], baselines[name][metric.name]
    return signed_change(value, baseline, metric.direction)


def signed_change(value: float, baseline: float, direction: Direction) -> float:
    """Change in percent of the baseline, positive where the value is better."""
    sign = 1 if direction == "maximize" else -1
    return 100 * sign * (value - baseline) / max(abs(baseline), SMALLEST_DENOMINATOR)


def small_denominators(baselines: Metrics, tasks: Mapping[str, Task]) -> list[str]:
    """Tasks whose single-task metric is so small that another number stands in for it."""
    return [
        name
        for name, metrics in baselines.items()
        if abs(metrics[tasks[name].primary.name]) < SMALLEST_DENOMINATOR
    ]
