"""Workers in processes of this machine, and what may happen to them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import optuna
import pytest

from nas.budget import Budget
from search_spaces.architecture import Architecture
from studies.conductor import seed_of
from studies.config import SearchConfig
from studies.errors import StudyError
from studies.opening import load_study
from studies.problem import problem_of
from studies.record import TrialRecord
from studies.result import StudyResult, read_result
from studies.search import search
from tests.studies.conftest import RUNGS, draw_few
from tests.studies.runners import broken, faults
from tests.studies.runners.drivers import until
from tests.studies.runners.faults import Faults

Config = Callable[..., SearchConfig]
Fault = Callable[..., Faults]
pytestmark = pytest.mark.slow


class Log(Protocol):
    events: list[str]
    trained: list[tuple[str, Architecture]]
    ended: list[TrialRecord]


def _alike(result: StudyResult) -> list[object]:
    return [
        (t.number, t.status, t.architecture, t.values, [(r.samples, r.values) for r in t.rungs])
        for t in result.trials
    ]


@pytest.fixture(scope="module")
def in_rounds(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A deterministic search of two workers that stops candidates early."""
    from nas.data.spec import open_source
    from tests.studies.conftest import SMALL

    base = SearchConfig(
        sources=(open_source("synthetic", seed=0, fidelity=RUNGS),),
        tasks=("depth", "segmentation"),
        budget=Budget.parse(["30tops"]),
        fidelity=RUNGS,
        trials=4,
        fix=SMALL,
        workers=2,
        deterministic=True,
        device="cpu",
    )

    def make(**changes: Any) -> SearchConfig:
        folder = tmp_path_factory.mktemp("rounds")
        return replace(base, storage=f"sqlite:///{folder}/study.db", **changes)

    return make


@pytest.fixture(scope="module")
def undisturbed(in_rounds: Config) -> StudyResult:
    """What comes of it where nothing happens."""
    with pytest.MonkeyPatch.context() as patch:
        draw_few(patch)
        return search(in_rounds())


def test_two_workers_end_with_as_many_trials_as_asked_and_no_network_twice(
    config: Config, fault: Fault, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_a_time: list[set[str]] = []
    running: set[str] = set()
    monkeypatch.setattr(log, "training_step", lambda title, *_: running.add(title), raising=False)

    def ends(title: str) -> None:
        at_a_time.append(set(running))
        running.discard(title)

    monkeypatch.setattr(log, "training_ends", ends, raising=False)
    happened = fault()
    result = search(config(), log)
    assert [t.status for t in result.trials] == ["complete"] * 4
    assert any(len(titles) == 2 for titles in at_a_time)
    kept = optuna.load_study(study_name=result.study, storage=config().storage)
    assert {t.number for t in result.front} == {t.number for t in kept.best_trials}
    began = [b for b in happened.began() if b.title.startswith("trial")]
    assert len({b.network for b in began}) == len(began) == 4
    assert [(b.title, b.seed) for b in sorted(began, key=lambda b: b.title)] == [
        (f"trial {number}", seed_of(0, number)) for number in range(4)
    ]
    assert len({b.pid for b in began}) == 2
    assert os.getpid() not in {b.pid for b in began}


@pytest.mark.usefixtures("few_draws")
def test_a_worker_killed_in_the_middle_of_a_training_changes_nothing(
    in_rounds: Config, undisturbed: StudyResult, fault: Fault, log: Log
) -> None:
    happened = fault(killed={"trial 1": 1, "single-task depth": 1})
    result = search(in_rounds(), log)
    assert _alike(result) == _alike(undisturbed)
    titles = [b.title for b in happened.began()]
    assert titles.count("trial 1") == titles.count("single-task depth") == 2
    assert result.trials[1].attempt == 2
    assert [t.number for t in result.front] == [t.number for t in undisturbed.front]
    assert any("trial 1: its worker was killed by SIGKILL" in event for event in log.events)


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("year_s", [-3e7, 3e7])
def test_neither_the_speed_of_workers_nor_a_wrong_clock_changes_a_deterministic_search(
    in_rounds: Config,
    undisturbed: StudyResult,
    fault: Fault,
    year_s: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = "worker 0" if year_s > 0 else "worker 1"
    fault(slow={slow: 0.3}, jump_s=year_s)
    monkeypatch.setattr("time.time", time.time)  # as it was, afterwards
    faults.jump(year_s)
    assert _alike(search(in_rounds())) == _alike(undisturbed)


@pytest.mark.usefixtures("few_draws")
def test_one_worker_is_deterministic_too(in_rounds: Config) -> None:
    one, two = (search(in_rounds(workers=1)) for _ in range(2))
    assert _alike(one) == _alike(two)


def test_a_candidate_that_kills_its_worker_or_finds_no_memory_fails_alone(
    config: Config, fault: Fault, log: Log
) -> None:
    reference = problem_of(config()).reference
    happened = fault(killed={"trial 1": 99}, hungry=[reference.id])
    result = search(config(trials=2), log)
    assert result.counts()["complete"] == 2
    killed, hungry = (t for t in result.trials if t.status == "failed")
    if killed.architecture == reference:
        killed, hungry = hungry, killed
    assert (killed.number, killed.attempt) == (1, 3)
    assert killed.reason.startswith("its worker was killed by SIGKILL")
    assert killed.reason.endswith("at the last of 3 attempts")
    assert [b.title for b in happened.began()].count("trial 1") == 3
    assert (hungry.architecture, hungry.attempt) == (reference, 3)
    assert hungry.reason == "out of memory on cpu"


def test_a_cache_that_is_cut_short_ends_the_search_and_is_made_anew_by_the_next_command(
    config: Config, fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURALL_CACHE", str(tmp_path / "cache"))
    happened = fault(slow={"trial 1": 0.5, "trial 2": 0.5})

    def cut() -> None:
        until(lambda: {"trial 1", "trial 2"} <= {b.title for b in happened.began()})
        for file in (tmp_path / "cache").glob("*/*.npy"):
            os.truncate(file, 128)

    cutter = threading.Thread(target=cut)
    cutter.start()
    with pytest.raises(StudyError, match=r"workers in a row ended: a worker cannot read the data"):
        search(config())
    cutter.join()
    kept = load_study(config().storage).records()
    assert [r.status for r in kept].count("failed") == 0
    result = search(config())
    assert result.counts()["complete"] == 4
    assert all(result.trials[r.number] == r for r in kept if r.status == "complete")


def test_latency_that_is_measured_beside_trainings_is_told(config: Config, log: Log) -> None:
    search(config(trials=1, budget=Budget.parse(["9000ms"])), log)
    told = "so it comes out longer than alone"
    assert any(told in event for event in log.events)
    log.events.clear()
    search(config(trials=1), log)
    search(config(trials=2, workers=1, budget=Budget.parse(["9000ms"])), log)
    assert not any(told in event for event in log.events)


def test_workers_that_cannot_begin_are_told_in_one_line(
    config: Config, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studies.runners.processes._work", broken.work)
    with pytest.raises(StudyError, match=r"9 workers in a row ended: its worker ended with code 3"):
        search(config(), log)
    statuses = {t.status for t in read_result(load_study(config().storage)).trials}
    assert statuses <= {"waiting"}
