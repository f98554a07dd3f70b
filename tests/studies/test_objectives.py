from __future__ import annotations

import pytest

from nas.cost import Cost
from nas.tasks.kinds import make_task
from search_spaces.default_tasks import DEFAULT_TASKS
from studies.errors import UsageError
from studies.objectives import Outcome, objectives_named

_TASKS = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
_OUTCOME = Outcome(
    metrics={"depth": {"delta_1_25": 0.7}, "motion": {"iou_moving": 0.2}},
    delta_m=1.5,
    cost=Cost(macs=10, params=20, activation_bytes=30, macs_by_task={}, params_by_task={}),
    latency_ms=4.5,
)


@pytest.mark.parametrize(
    ("name", "direction", "value"),
    [
        ("delta_m", "maximize", 1.5),
        ("macs", "minimize", 10),
        ("params", "minimize", 20),
        ("activation_bytes", "minimize", 30),
        ("latency_ms", "minimize", 4.5),
        ("depth", "maximize", 0.7),
        ("motion", "maximize", 0.2),
    ],
)
def test_each_objective_reads_its_number(name: str, direction: str, value: float) -> None:
    (objective,) = objectives_named([name], _TASKS)
    assert (objective.name, objective.direction) == (name, direction)
    assert objective.value(_OUTCOME) == value
    assert objective.unit


def test_order_is_that_given() -> None:
    names = ["macs", "depth", "delta_m"]
    assert [objective.name for objective in objectives_named(names, _TASKS)] == names


@pytest.mark.parametrize("names", [[], ["macs", "macs"], ["flops"], ["segmentatoin"]])
def test_none_twice_or_unknown_is_wrong_usage(names: list[str]) -> None:
    with pytest.raises(UsageError):
        objectives_named(names, _TASKS)
