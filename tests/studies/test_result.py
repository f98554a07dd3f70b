from __future__ import annotations

from dataclasses import replace

from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared
from studies.record import Status, TrialRecord
from studies.result import StudyResult, read_result
from studies.store import load_study


def _trial(number: int, delta_m: float, macs: int, status: Status = "complete") -> TrialRecord:
    return TrialRecord(
        number=number,
        status=status,
        architecture=shared(DEFAULT_TASKS),
        values=(delta_m, float(macs)) if status == "complete" else (),
        metrics={},
        delta_m=delta_m,
        macs=macs,
    )


def test_front_and_counts(finished: StudyResult) -> None:
    trials = (
        _trial(0, 1.0, 50),
        _trial(1, 0.5, 20),
        _trial(2, 0.4, 30),
        _trial(3, 9.0, 1, "refused"),
        _trial(4, 9.0, 1, "failed"),
        _trial(5, 9.0, 1, "repeated"),
        _trial(6, 9.0, 1, "interrupted"),
        _trial(7, 9.0, 1, "waiting"),
    )
    result = replace(finished, trials=trials)
    assert [trial.number for trial in result.front] == [1, 0]
    assert [trial.number for trial in result.complete] == [0, 1, 2]
    assert result.counts() == {"complete": 3, "stopped_early": 0, "refused": 1, "failed": 1}


def test_a_study_without_trials_has_an_empty_front(finished: StudyResult) -> None:
    document = replace(finished, trials=()).to_json()
    assert document["front"] == []


def test_baselines_stand_apart_from_the_front(finished: StudyResult) -> None:
    document = finished.to_json()
    assert [b["task"] for b in document["baselines"]] == ["depth", "motion", "segmentation"]  # type: ignore[attr-defined]
    assert finished.single_task_macs == sum(b.macs for b in finished.baselines.values())
    assert all(len(t.metrics) == 3 for t in finished.front)


def test_what_is_read_again_is_what_was_returned(finished: StudyResult) -> None:
    assert read_result(load_study(finished.storage)) == finished
