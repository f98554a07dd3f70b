from __future__ import annotations

import pytest
from search_compute import Accounting
from search_timeline import Meter, Moment, Timeline

from nas.resolution import Resolution
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared
from studies.pareto import Direction
from studies.record import Status, TrialRecord
from studies.rungs import RungRecord

DIRECTIONS: list[Direction] = ["maximize", "minimize"]


def record(number: int, status: Status, delta_m: float, macs: int) -> TrialRecord:
    return TrialRecord(
        number=number, status=status, values=(delta_m, macs), metrics={}, delta_m=delta_m, macs=macs
    )


TIMELINE = Timeline(
    moments=(
        Moment(macs=10, seconds=20),
        Moment(macs=20, seconds=40, record=record(0, "complete", -10.0, 300)),
        Moment(macs=25, seconds=44, record=record(1, "stopped", 5.0, 100)),
        Moment(macs=40, seconds=80, record=record(2, "complete", -5.0, 200)),
        Moment(macs=50, seconds=99, record=record(3, "complete", -20.0, 100)),
    ),
    counts={},
)


def test_front_is_of_the_complete_trials_that_were_paid_by_then() -> None:
    assert TIMELINE.front(19, DIRECTIONS) == []
    assert [r.number for r in TIMELINE.front(20, DIRECTIONS)] == [0]
    assert [r.number for r in TIMELINE.front(45, DIRECTIONS)] == [2]
    assert [r.number for r in TIMELINE.front(50, DIRECTIONS)] == [3, 2]


def test_seconds_are_linear_between_the_ends_of_trials() -> None:
    assert TIMELINE.seconds_at(5) == pytest.approx(10)
    assert TIMELINE.seconds_at(15) == pytest.approx(30)
    assert TIMELINE.seconds_at(32.5) == pytest.approx(62)


def test_meter_ends_the_search_with_the_trial_that_spends_the_last_of_it() -> None:
    accounting = Accounting(
        resolution=Resolution(64, 32), rungs=(8,), judged=0, calibration=0, inherits=False
    )
    network = shared(DEFAULT_TASKS)
    cost = accounting.climbing_macs(network, (8,))
    trained = TrialRecord(
        number=0,
        status="complete",
        architecture=network,
        metrics={},
        rungs=(RungRecord(samples=8, values=(0.0, 0.0)),),
    )
    meter = Meter("arm", accounting, spent=0.0, limit=1.5 * cost)
    meter.trial_ends(trained)
    assert not meter.is_over
    with pytest.raises(KeyboardInterrupt):
        meter.trial_ends(trained)
    assert meter.spent == pytest.approx(2 * cost)
