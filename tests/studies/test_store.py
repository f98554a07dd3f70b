from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from nas.tasks.kinds import make_task
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared
from search_spaces.space import SearchSpace
from studies.admission import network_id
from studies.errors import StudyError
from studies.halving import FrontHalving, Standing
from studies.objectives import objectives_named
from studies.opening import create_study, find_study, load_study
from studies.record import Baseline, TrialRecord
from studies.result import StudyResult
from studies.rungs import RungRecord
from studies.storage import artifact_folder
from studies.store import StudyStore

_SPACE = SearchSpace.for_tasks(DEFAULT_TASKS)
_TASKS = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
_OBJECTIVES = objectives_named(["delta_m", "macs"], _TASKS)
_SETTINGS = {"identity": {"seed": 0}}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/study.db"


@pytest.fixture
def store(url: str) -> StudyStore:
    return create_study(url, "one", _OBJECTIVES, _SETTINGS)


def _complete(store: StudyStore, tmp_path: Path) -> TrialRecord:
    number, architecture = store.ask(_SPACE, RandomSampler(seed=0))
    file = tmp_path / "weights"
    file.write_bytes(b"some weights")
    record = TrialRecord(
        number=number,
        status="complete",
        architecture=architecture,
        values=(1.25, 5.0),
        metrics={"depth": {"delta_1_25": 1 / 3}},
        delta_m=1.25,
        macs=5,
    )
    store.complete(record, {"30 tops": -0.5}, weights=file, picture=file, note="a note")
    return replace(record, weights=store.record(number).weights)


def _written(record: TrialRecord) -> TrialRecord:
    """What its trainer wrote, without what the store adds."""
    return replace(record, network="", owner=None)


def test_a_trained_trial_is_read_back_in_another_process_as_it_was(
    store: StudyStore, url: str, tmp_path: Path
) -> None:
    record = _complete(store, tmp_path)
    other = load_study(url, "one")
    read = other.record(0)
    assert read.network == network_id(record.architecture)
    assert read.owner == store.owner
    assert _written(read) == record
    assert other.weights(record) == b"some weights"
    assert other.settings()["identity"] == {"seed": 0}


def test_a_trial_that_is_not_there(store: StudyStore) -> None:
    with pytest.raises(StudyError, match="no trial 0, there are none yet"):
        store.record(0)


def test_refused_and_failed_trials_keep_their_reason(store: StudyStore) -> None:
    for status in ("refused", "repeated"):
        number, _ = store.ask(_SPACE, RandomSampler(seed=1))
        store.refuse(number, status, f"why {status}", {"30 tops": 0.5})  # type: ignore[arg-type]
    number, architecture = store.ask(_SPACE, RandomSampler(seed=2))
    store.fail(number, "failed", "diverged")
    records = store.records()
    assert [(r.status, r.reason) for r in records] == [
        ("refused", "why refused"),
        ("repeated", "why repeated"),
        ("failed", "diverged"),
    ]
    assert records[2].architecture == architecture


_SAMPLERS = [
    RandomSampler(seed=0),
    TPESampler(seed=0, multivariate=True),
    NSGAIISampler(seed=0, population_size=8),
]


@pytest.mark.parametrize("sampler", _SAMPLERS, ids=lambda s: type(s).__name__)
def test_what_is_queued_is_asked_first(store: StudyStore, sampler: BaseSampler) -> None:
    rng = random.Random(5)
    queued = [shared(DEFAULT_TASKS), *(_SPACE.sample(rng) for _ in range(3))]
    for architecture in queued:
        store.enqueue(_SPACE, architecture)
    assert [store.ask(_SPACE, sampler)[1] for _ in queued] == queued


def test_the_same_seed_proposes_the_same(url: str, tmp_path: Path) -> None:
    def asked(name: str) -> list[Architecture]:
        store = create_study(url, name, _OBJECTIVES, _SETTINGS)
        return [store.ask(_SPACE, TPESampler(seed=seed, multivariate=True))[1] for seed in range(3)]

    assert asked("a") == asked("b")


def test_baselines_and_constants_are_kept(store: StudyStore, url: str) -> None:
    baseline = Baseline(
        task="depth", architecture=shared(DEFAULT_TASKS[1:2]), metrics={"delta_1_25": 0.5}, macs=3
    )
    store.add_baseline(baseline)
    store.set_constants({"depth": {"delta_1_25": 0.25}})
    other = load_study(url)
    assert other.baselines() == {"depth": baseline}
    assert other.constants() == {"depth": {"delta_1_25": 0.25}}


def test_a_study_is_opened_again_only_with_its_own_settings(store: StudyStore, url: str) -> None:
    assert create_study(url, "one", _OBJECTIVES, _SETTINGS).name == "one"
    with pytest.raises(StudyError, match="made with another seed"):
        create_study(url, "one", _OBJECTIVES, {"identity": {"seed": 1}})


def test_the_study_last_written_is_opened(url: str, tmp_path: Path) -> None:
    _complete(create_study(url, "old", _OBJECTIVES, _SETTINGS), tmp_path)
    _complete(create_study(url, "new", _OBJECTIVES, _SETTINGS), tmp_path)
    assert load_study(url).name == "new"
    _complete(load_study(url, "old"), tmp_path)
    assert load_study(url).name == "old"
    with pytest.raises(StudyError, match=r"no study 'other' in .*, there are: old, new"):
        load_study(url, "other")


def test_a_study_that_was_not_begun_is_not_found_and_nothing_is_written(
    url: str, tmp_path: Path, finished: StudyResult
) -> None:
    assert find_study(url, "one") is None
    assert list(tmp_path.iterdir()) == []
    assert find_study(finished.storage, "one") is None
    found = find_study(finished.storage, finished.study)
    assert found is not None
    assert found.name == finished.study


def test_weights_that_are_gone(store: StudyStore, url: str, tmp_path: Path) -> None:
    record = _complete(store, tmp_path)
    (artifact_folder(url) / record.weights).unlink()
    with pytest.raises(StudyError, match="weights of trial 0 are not in"):
        store.weights(record)


def _stop(store: StudyStore, seed: int, delta_m: float) -> TrialRecord:
    number, architecture = store.ask(_SPACE, RandomSampler(seed=seed))
    store.report_rung(number, 0, (delta_m - 1, 5e9), 1.5)
    store.report_rung(number, 300, (delta_m, 5e9), 9.0)
    record = TrialRecord(
        number=number,
        status="stopped",
        architecture=architecture,
        metrics={"depth": {"delta_1_25": 0.25}},
        delta_m=delta_m,
        macs=5_000_000_000,
        seconds=10.5,
        reason="after 300 of 1200 samples",
    )
    store.stop(record, {"30 tops": -0.5})
    return record


def test_a_trial_that_was_stopped_early_is_read_back_with_its_rungs(
    store: StudyStore, url: str
) -> None:
    record = _stop(store, 0, 1.25)
    rungs = (
        RungRecord(samples=0, values=(0.25, 5e9), seconds=1.5),
        RungRecord(samples=300, values=(1.25, 5e9), seconds=9.0),
    )
    assert _written(load_study(url).record(0)) == replace(record, rungs=rungs)
    store.draw_curves()
    assert load_study(url).record(0).rungs == rungs


def test_every_sampler_goes_on_after_trials_that_were_stopped(
    store: StudyStore, tmp_path: Path
) -> None:
    for seed in range(12):
        _stop(store, seed, float(seed))
    _complete(store, tmp_path)
    for sampler in _SAMPLERS:
        assert store.ask(_SPACE, sampler)[0]


def test_where_a_trial_stands_among_those_that_reported(store: StudyStore) -> None:
    halving = FrontHalving(rungs=(0, 300, 1200), reduction=3)
    for seed in range(3):
        _stop(store, seed, 5.0 + seed)
    number, _ = store.ask(_SPACE, RandomSampler(seed=9))
    store.report_rung(number, 300, (1.0, 9e9))
    standing = store.standing(number, 300, halving)
    assert standing == Standing(reached=4, ahead=3, places=1)
    assert halving.why_stopped(standing, 300) == (
        "after 300 of 1200 samples 3 of the 4 that got there come before it, the first 1 go on"
    )


def test_a_trial_that_is_tried_again_begins_at_its_first_rung(store: StudyStore) -> None:
    number, architecture = store.ask(_SPACE, RandomSampler(seed=3))
    store.report_rung(number, 0, (1.0, 5e9))
    store.queue_again(number, "cut off", attempt=2, same_seed=True)
    again, same = store.ask(_SPACE, RandomSampler(seed=4))
    assert same == architecture
    assert store.record(again).rungs == ()
    assert (store.record(again).attempt, store.record(again).origin) == (2, number)
    store.report_rung(again, 0, (1.0, 5e9))
    halving = FrontHalving(rungs=(0, 300), reduction=3)
    assert store.standing(again, 0, halving).reached == 1


def test_a_vector_that_does_not_fit_the_objectives(store: StudyStore) -> None:
    number, _ = store.ask(_SPACE, RandomSampler(seed=3))
    with pytest.raises(StudyError, match="1 values at rung 0: the study has 2 objectives"):
        store.report_rung(number, 0, (1.0,))


@pytest.mark.parametrize("locked_by", ["a writer", "a reader"])
def test_what_is_written_together_is_all_there_once_a_lock_is_gone(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked_by: str
) -> None:
    monkeypatch.setattr("studies.storage._LOCK_TIMEOUT_S", 0.1)
    objectives = objectives_named(["delta_m"], _TASKS)
    store = create_study(url, "one", objectives, _SETTINGS)
    number, _ = store.ask(_SPACE, RandomSampler(seed=0))

    def while_locked(write: Callable[[], None]) -> None:
        other = sqlite3.connect(tmp_path / "study.db", check_same_thread=False)
        other.execute("BEGIN IMMEDIATE" if locked_by == "a writer" else "BEGIN")
        other.execute("SELECT * FROM trials").fetchone()
        release = threading.Timer(0.6, other.close)
        release.start()
        begin = time.monotonic()
        write()
        assert time.monotonic() - begin > 0.4
        release.join()

    while_locked(lambda: store.report_rung(number, 8, (1 / 3,), 0.1))
    while_locked(lambda: store.refuse(number, "refused", "too dear", {"30 tops": 0.5}))
    for seen in (store, load_study(url)):
        (trial,) = seen._trials()
        assert trial.constraints == {"30 tops": 0.5}
        assert trial.intermediate_values == {8: 1 / 3}
        assert trial.user_attrs["reason"] == "too dear"
    assert load_study(url).records() == store.records()
