from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.samplers import RandomSampler

from nas.tasks.kinds import make_task
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared
from search_spaces.space import SearchSpace
from studies.errors import StudyError
from studies.objectives import objectives_named
from studies.opening import create_study, load_study
from studies.record import Status, TrialRecord
from studies.result import StudyResult, read_result


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
        _trial(8, 9.0, 1, "stopped"),
    )
    result = replace(finished, trials=trials)
    assert [trial.number for trial in result.front] == [1, 0]
    assert [trial.number for trial in result.complete] == [0, 1, 2]
    assert [trial.number for trial in result.stopped] == [8]
    assert result.counts() == {"complete": 3, "stopped_early": 1, "refused": 1, "failed": 1}


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


def test_a_study_without_its_settings_is_one_clear_error(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    tasks = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
    store = create_study(url, "one", objectives_named(["macs"], tasks), {"identity": {}})
    with pytest.raises(StudyError, match=r"one in .* has no objectives, .* another --study"):
        read_result(store)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("set value_json = '{'", "nobody can read"),
        (
            "set value_json = '\"{\"' where key = 'architecture'",
            "architecture of trial 0 is damaged",
        ),
    ],
)
def test_overwritten_bytes_are_one_clear_error(tmp_path: Path, change: str, words: str) -> None:
    file = tmp_path / "study.db"
    tasks = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
    store = create_study(
        f"sqlite:///{file}", "one", objectives_named(["macs"], tasks), {"identity": {}}
    )
    store.ask(SearchSpace.for_tasks(DEFAULT_TASKS), RandomSampler(seed=0))
    database = sqlite3.connect(file)
    database.execute(f"update trial_user_attributes {change}")
    database.commit()
    database.close()
    with pytest.raises(StudyError, match=words):
        load_study(f"sqlite:///{file}").records()
