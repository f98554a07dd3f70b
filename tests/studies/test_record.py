from __future__ import annotations

import json
import math
from dataclasses import replace
from random import Random

from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared
from search_spaces.space import SearchSpace
from studies.admission import network_id
from studies.record import (
    Baseline,
    TrialRecord,
    architecture_attributes,
    outcome_attributes,
    read_record,
)
from studies.rungs import RungRecord

_ARCHITECTURE = SearchSpace.for_tasks(DEFAULT_TASKS).sample(Random(1))
_RECORD = TrialRecord(
    number=7,
    status="complete",
    architecture=_ARCHITECTURE,
    values=(1.5, 2e9),
    metrics={"depth": {"delta_1_25": 0.1 + 0.2, "abs_rel": 1 / 3}},
    delta_m=1.5,
    macs=2_000_000_001,
    params=12_345,
    activation_bytes=99,
    latency_ms=None,
    share=0.25,
    seconds=3.5,
    weights="id",
)


def test_a_record_comes_back_as_it_was_to_the_last_digit() -> None:
    attributes = {**architecture_attributes(_ARCHITECTURE), **outcome_attributes(_RECORD)}
    stored = json.loads(json.dumps(attributes))
    assert read_record(7, "complete", stored, _RECORD.values) == replace(
        _RECORD, network=network_id(_ARCHITECTURE)
    )


def test_metrics_stand_by_themselves_for_the_dashboard() -> None:
    attributes = outcome_attributes(_RECORD)
    assert attributes["depth.abs_rel"] == 1 / 3
    assert attributes["macs"] == 2_000_000_001


def test_a_trial_that_was_only_begun() -> None:
    record = read_record(0, "running", {}, ())
    assert (record.architecture, record.metrics, record.reason) == (None, {}, "")


def test_json_of_a_front() -> None:
    values = _RECORD.to_json()
    keys = ["trial", "architecture", "metrics", "delta_m", "macs", "params", "latency_ms"]
    assert list(values) == keys
    assert values["latency_ms"] is None
    assert values["architecture"] == _ARCHITECTURE.to_dict()


def test_a_baseline_comes_back() -> None:
    baseline = Baseline(
        task="depth", architecture=shared(DEFAULT_TASKS[1:2]), metrics={"delta_1_25": 0.5}, macs=3
    )
    assert Baseline.from_json(json.loads(json.dumps(baseline.to_json()))) == baseline


def test_rungs_come_back_in_their_order_and_are_no_other_attributes() -> None:
    attributes = {
        "rung 1200": [3.5, 2e9],
        "rung 1200 seconds": 8.5,
        "rung 300": [None, 2e9],
        "rung of nothing": 5,
        "wrung 7": [1.0],
    }
    first, second = read_record(0, "stopped", json.loads(json.dumps(attributes)), ()).rungs
    assert (first.samples, first.seconds) == (300, 0.0)
    assert math.isnan(first.values[0])
    assert second == RungRecord(samples=1200, values=(3.5, 2e9), seconds=8.5)


def test_a_trial_of_an_older_study_has_no_rungs() -> None:
    assert read_record(7, "complete", outcome_attributes(_RECORD), ()).rungs == ()
