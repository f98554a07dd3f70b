from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.samplers import RandomSampler

from nas.tasks.kinds import make_task
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared
from search_spaces.space import SearchSpace
from studies.errors import TrialTakenError
from studies.job import MOST_ATTEMPTS
from studies.lost_trials import LostTrials
from studies.objectives import objectives_named
from studies.opening import create_study
from studies.owner import Owner
from studies.store import StudyStore

_SPACE = SearchSpace.for_tasks(DEFAULT_TASKS)
_TASKS = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
_OBJECTIVES = objectives_named(["delta_m", "macs"], _TASKS)


def _opened(folder: Path) -> StudyStore:
    """The same study as another run sees it."""
    return create_study(
        f"sqlite:///{folder}/study.db", "one", _OBJECTIVES, {"identity": {"seed": 0}}
    )


def _begun(folder: Path, **owner: object) -> tuple[StudyStore, int]:
    """A trial of a run that is somewhere else, or no more."""
    store = _opened(folder)
    store.owner = replace(Owner.here(), **owner)  # type: ignore[arg-type]
    return store, store.begin(_SPACE, shared(DEFAULT_TASKS))


def test_what_a_process_that_ended_had_begun_is_queued_again_with_its_seed(
    tmp_path: Path,
) -> None:
    _, number = _begun(tmp_path, started=-1)
    store = _opened(tmp_path)
    assert list(LostTrials(store).queue_again([])) == ["trial 0 was cut off and is queued again"]
    assert store.record(number).status == "interrupted"
    again, architecture = store.ask(_SPACE, RandomSampler(seed=4))
    assert architecture == shared(DEFAULT_TASKS)
    record = store.record(again)
    assert (record.attempt, record.origin) == (2, number)
    assert record.owner == store.owner


def test_after_the_last_attempt_it_has_failed_with_the_reason(tmp_path: Path) -> None:
    for attempt in range(1, MOST_ATTEMPTS + 1):
        store = _opened(tmp_path)
        store.owner = replace(store.owner, started=-1)
        if attempt == 1:
            store.begin(_SPACE, shared(DEFAULT_TASKS))
        else:
            store.ask(_SPACE, RandomSampler(seed=attempt))
        told = list(LostTrials(_opened(tmp_path)).queue_again([]))
    assert told == [f"trial {attempt - 1} failed: its process ended 3 times before it was trained"]
    statuses = [record.status for record in _opened(tmp_path).records()]
    assert statuses == ["interrupted", "interrupted", "failed"]


def test_what_another_process_still_trains_is_left_alone(tmp_path: Path) -> None:
    _begun(tmp_path)
    store = _opened(tmp_path)
    assert list(LostTrials(store).queue_again([])) == []
    assert store.record(0).status == "running"


def test_what_this_run_trains_is_left_alone_and_what_nobody_here_knows_is_queued_again(
    tmp_path: Path,
) -> None:
    store = _opened(tmp_path)
    known = store.begin(_SPACE, shared(DEFAULT_TASKS))
    store.begin(_SPACE, shared(DEFAULT_TASKS))
    assert len(list(LostTrials(store).queue_again([known]))) == 1
    assert [r.status for r in store.records()] == ["running", "interrupted", "waiting"]


def test_a_run_on_another_machine_is_gone_once_it_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, number = _begun(tmp_path, machine="another")
    store = _opened(tmp_path)
    lost = LostTrials(store)
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    for count in range(8):
        clock[0] += 50
        other.runs.beat(count)
        assert list(lost.queue_again([])) == []
    for _ in range(2):
        clock[0] += 50
        assert list(lost.queue_again([])) == []
    clock[0] += 50
    assert len(list(lost.queue_again([]))) == 1
    with pytest.raises(TrialTakenError, match="trial 0 was ended by another process"):
        other.report_rung(number, 8, (1.0, 2.0))
    with pytest.raises(TrialTakenError):
        other.fail(number, "failed", "too late")


def test_of_two_that_find_it_lost_one_queues_it(tmp_path: Path) -> None:
    _begun(tmp_path, started=-1)
    one, two = _opened(tmp_path), _opened(tmp_path)
    assert one.record(0).status == two.record(0).status == "running"
    one.queue_again(0, "gone", attempt=2, same_seed=True)
    with pytest.raises(TrialTakenError):
        two.queue_again(0, "gone", attempt=2, same_seed=True)
    assert [r.status for r in _opened(tmp_path).records()] == ["interrupted", "waiting"]


# --- never twice --------------------------------------------------------------------------------


def test_of_two_that_come_upon_a_network_at_once_the_later_one_turns_back(
    tmp_path: Path,
) -> None:
    one, two = _opened(tmp_path), _opened(tmp_path)
    first, second = (
        one.begin(_SPACE, shared(DEFAULT_TASKS)),
        two.begin(_SPACE, shared(DEFAULT_TASKS)),
    )
    network = one.record(first).network
    assert one.earlier(first, network) is None
    assert two.earlier(second, network) == first


def test_a_network_that_was_cut_off_or_refused_may_be_tried_again(tmp_path: Path) -> None:
    store = _opened(tmp_path)
    first = store.begin(_SPACE, shared(DEFAULT_TASKS))
    store.refuse(first, "refused", "too dear", {})
    second = store.begin(_SPACE, shared(DEFAULT_TASKS))
    store.fail(second, "interrupted", "cut off")
    third = store.begin(_SPACE, shared(DEFAULT_TASKS))
    assert store.earlier(third, store.record(third).network) is None


def test_a_process_that_has_not_said_of_which_network_its_trial_is_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = _opened(tmp_path), _opened(tmp_path)
    unnamed = one._study.ask()
    number = two.begin(_SPACE, shared(DEFAULT_TASKS))
    network = two.record(number).network
    slept: list[float] = []

    def name_it(seconds: float) -> None:
        slept.append(seconds)
        unnamed.set_user_attr("network", network)

    monkeypatch.setattr("studies.store.time.sleep", name_it)
    assert two.earlier(number, network) == unnamed.number
    assert slept


def test_a_network_that_waits_is_not_begun_beside_it(tmp_path: Path) -> None:
    one, two = _opened(tmp_path), _opened(tmp_path)
    one.enqueue(_SPACE, shared(DEFAULT_TASKS))
    number = two.begin(_SPACE, shared(DEFAULT_TASKS))
    assert two.earlier(number, two.record(number).network) == 0


def test_a_trial_that_another_process_ended_no_longer_runs_here(tmp_path: Path) -> None:
    one, two = _opened(tmp_path), _opened(tmp_path)
    number = one.begin(_SPACE, shared(DEFAULT_TASKS))
    two.queue_again(number, "it was silent", attempt=2, same_seed=True)
    with pytest.raises(TrialTakenError):
        one.report_rung(number, 8, (1.0, 2.0))
    assert [r.status for r in one.records()] == ["interrupted", "waiting"]


def test_a_trial_whose_end_was_cut_off_between_two_writes_is_queued_again(tmp_path: Path) -> None:
    store, number = _begun(tmp_path, started=-1)
    store._trial(number).set_user_attr("status", "interrupted")  # and killed before it was told
    assert len(list(LostTrials(_opened(tmp_path)).queue_again([]))) == 1
    assert [r.status for r in _opened(tmp_path).records()] == ["interrupted", "waiting"]


def test_what_an_earlier_run_of_this_process_left_is_queued_again(tmp_path: Path) -> None:
    earlier, number = _begun(tmp_path)
    store = _opened(tmp_path)
    assert list(LostTrials(store).queue_again([])) == []
    earlier.owner.end()
    store = _opened(tmp_path)
    assert len(list(LostTrials(store).queue_again([]))) == 1
    assert store.record(number).status == "interrupted"
