"""What every kind of storage does."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.samplers import RandomSampler

from nas.tasks.kinds import make_task
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared
from search_spaces.space import SearchSpace
from studies.errors import StudyError, TrialTakenError
from studies.objectives import objectives_named
from studies.opening import create_study, find_study, load_study
from studies.record import Baseline, TrialRecord
from studies.rungs import RungRecord
from studies.storage import existing_storage, storage_exists
from studies.store import StudyStore

_SPACE = SearchSpace.for_tasks(DEFAULT_TASKS)
_TASKS = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
_OBJECTIVES = objectives_named(["delta_m", "macs"], _TASKS)
_SETTINGS = {"identity": {"seed": 0}}
_QUEUED = 12
_PATIENCE_S = 60


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of studies on servers are kept in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def _create(url: str) -> StudyStore:
    return create_study(url, "one", _OBJECTIVES, _SETTINGS)


def _complete(store: StudyStore, folder: Path) -> TrialRecord:
    number, architecture = store.ask(_SPACE, RandomSampler(seed=0))
    file = folder / "weights"
    file.write_bytes(b"some weights")
    store.report_rung(number, 8, (1 / 3, 5e9), 0.1)
    record = TrialRecord(
        number=number,
        status="complete",
        architecture=architecture,
        values=(1 / 3, 5e9),
        metrics={"depth": {"delta_1_25": 2 / 3}},
        delta_m=1 / 3,
        macs=5_000_000_000,
        rungs=(RungRecord(samples=8, values=(1 / 3, 5e9), seconds=0.1),),
    )
    store.complete(record, {"30 tops": -0.5}, weights=file, picture=file, note="a note: Δm")
    written = store.record(number)
    assert replace(written, weights="", network="", owner=None) == record
    return written


def test_a_storage_that_is_not_there_is_not_made_by_looking(any_storage: str) -> None:
    assert not storage_exists(any_storage)
    assert find_study(any_storage, "one") is None
    for opening in (existing_storage, load_study):
        with pytest.raises(StudyError, match="there is no storage"):
            opening(any_storage)
    assert not storage_exists(any_storage)
    _create(any_storage)
    assert storage_exists(any_storage)


def test_what_was_written_is_read_the_same(any_storage: str, tmp_path: Path) -> None:
    store = _create(any_storage)
    record = _complete(store, tmp_path)
    store.enqueue(_SPACE, shared(DEFAULT_TASKS))
    refused, queued = store.ask(_SPACE, RandomSampler(seed=1))
    store.refuse(refused, "refused", "too dear", {"30 tops": 0.5})
    failed, _ = store.ask(_SPACE, RandomSampler(seed=2))
    store.fail(failed, "failed", "diverged: the loss is ∞")
    waiting, _ = store.ask(_SPACE, RandomSampler(seed=3))
    store.queue_again(waiting, "cut off", attempt=2, same_seed=True)
    baseline = Baseline(
        task="depth", architecture=shared(DEFAULT_TASKS[1:2]), metrics={"delta_1_25": 1 / 7}, macs=3
    )
    store.add_baseline(baseline)
    store.annotate(0, "finalist: yes")
    store.set_attribute("large", "x" * 30_000)

    other = load_study(any_storage)
    assert other.name == "one"
    assert other.records() == store.records()
    assert other.record(0) == record
    assert other.weights(record) == b"some weights"
    assert queued == shared(DEFAULT_TASKS)
    assert [r.status for r in other.records()] == [
        "complete", "refused", "failed", "interrupted", "waiting"
    ]  # fmt: skip
    assert [r.reason for r in other.records()][1:3] == ["too dear", "diverged: the loss is ∞"]
    assert other.baselines() == {"depth": baseline}
    assert other.attributes("large") == {"large": "x" * 30_000}
    assert create_study(any_storage, "one", _OBJECTIVES, _SETTINGS).records() == store.records()


def test_trials_that_begin_with_all_they_have_are_read_the_same(any_storage: str) -> None:
    store, rng = _create(any_storage), random.Random(0)
    architectures = [_SPACE.sample(rng) for _ in range(4)]
    numbers = [store.begin(_SPACE, architecture) for architecture in architectures]
    for attempt in (2, 3):
        store.attempt_on(numbers[-1], attempt)
    other = load_study(any_storage)
    assert other.records() == store.records()
    assert [r.architecture for r in other.records()] == architectures
    assert [r.attempt for r in other.records()] == [1, 1, 1, 3]
    assert {r.status for r in other.records()} == {"running"}
    store.fail(numbers[0], "failed", "cut off")
    with pytest.raises(TrialTakenError):
        other.attempt_on(numbers[0], 2)
    with pytest.raises(TrialTakenError):
        other.report_rung(numbers[0], 8, (1 / 3, 5e9), 0.1)
    assert other.records() == store.records() == load_study(any_storage).records()
    assert (other.record(0).attempt, other.record(0).rungs) == (1, ())


def _in_processes(function: Callable[..., Any], url: str, count: int) -> list[Any]:
    """What processes that begin at once return; none inherits a connection from another."""
    context = multiprocessing.get_context("fork")
    queue, begin = context.Queue(), context.Barrier(count)

    def run(seed: int) -> None:
        begin.wait()
        queue.put(function(url, seed))

    processes = [context.Process(target=run, args=(seed,), daemon=True) for seed in range(count)]
    for process in processes:
        process.start()
    results = [queue.get(timeout=_PATIENCE_S) for _ in processes]
    for process in processes:
        process.join(_PATIENCE_S)
    return results


def _enqueue(url: str, seed: int) -> None:
    store = _create(url)
    for _ in range(_QUEUED):
        store.enqueue(_SPACE, shared(DEFAULT_TASKS))


def _take(url: str, seed: int) -> list[int]:
    """Take half of the queue and more, and refuse it."""
    store, numbers = load_study(url), []
    for _ in range(_QUEUED // 2 + 2):
        number, _ = store.ask(_SPACE, RandomSampler(seed=seed))
        store.refuse(number, "refused", f"by {seed}", {"30 tops": 0.5})
        numbers.append(number)
    return numbers


def test_two_processes_take_each_trial_once(any_storage: str) -> None:
    _in_processes(_enqueue, any_storage, 1)
    taken = _in_processes(_take, any_storage, 2)
    numbers = sorted(number for some in taken for number in some)
    assert numbers == list(range(_QUEUED + 4))
    records = load_study(any_storage).records()
    assert [r.number for r in records] == numbers
    assert {r.status for r in records} == {"refused"}
    assert all(r.architecture == shared(DEFAULT_TASKS) for r in records[:_QUEUED])


def _begin(url: str, seed: int) -> str:
    return _create(url).name


def test_processes_that_begin_a_storage_at_once_share_it(any_storage: str) -> None:
    assert _in_processes(_begin, any_storage, 3) == ["one"] * 3
    assert load_study(any_storage).settings() == _SETTINGS
