"""What a study can be asked to make large or small."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nas.cost import Cost
from nas.evaluation import Metrics
from nas.tasks.task import Task
from search_spaces.spelling import unknown
from studies.errors import UsageError
from studies.pareto import Direction


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """All that is known of a trained candidate; ``latency_ms`` only where it was measured."""

    metrics: Metrics
    delta_m: float
    cost: Cost
    latency_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A number of an outcome, its unit, and which way is better.

    ``counted`` ones follow from the architecture alone, exactly and before any training.
    """

    name: str
    direction: Direction
    unit: str
    value: Callable[[Outcome], float]
    counted: bool = False


def _latency(outcome: Outcome) -> float:
    assert outcome.latency_ms is not None
    return outcome.latency_ms


_GENERAL = (
    Objective(name="delta_m", direction="maximize", unit="%", value=lambda o: o.delta_m),
    Objective(
        name="macs",
        direction="minimize",
        unit="MAC",
        value=lambda o: float(o.cost.macs),
        counted=True,
    ),
    Objective(
        name="params",
        direction="minimize",
        unit="1",
        value=lambda o: float(o.cost.params),
        counted=True,
    ),
    Objective(
        name="activation_bytes",
        direction="minimize",
        unit="byte",
        value=lambda o: float(o.cost.activation_bytes),
        counted=True,
    ),
    Objective(name="latency_ms", direction="minimize", unit="ms", value=_latency),
)


def objectives_named(names: Sequence[str], tasks: Mapping[str, Task]) -> tuple[Objective, ...]:
    """The objectives of ``--objectives``: general ones, or a task by name for its primary metric.

    Raises ``UsageError`` for an unknown one, a repeated one, or none.
    """
    known = {objective.name: objective for objective in _GENERAL}
    known.update({name: _of_task(task) for name, task in tasks.items()})
    for name in names:
        if name not in known:
            raise UsageError(unknown("objective", name, known))
    if not names or len(set(names)) < len(names):
        raise UsageError(f"objectives {','.join(names)!r}: name one or more, each once")
    return tuple(known[name] for name in names)


def _of_task(task: Task) -> Objective:
    metric = task.primary
    return Objective(
        name=task.spec.name,
        direction=metric.direction,
        unit=f"{metric.name} ({metric.unit})",
        value=lambda outcome: outcome.metrics[task.spec.name][metric.name],
    )
