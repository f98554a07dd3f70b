from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from studies.mirror_storage import MirrorStorage
from studies.row_storage import RowStorage

_DIRECTIONS = [optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[], MirrorStorage]:
    """Another process's view of one database."""
    return lambda: MirrorStorage(RowStorage(f"sqlite:///{tmp_path}/study.db"), every_s=0)


def _plain(trial: FrozenTrial) -> dict[str, Any]:
    """All of a trial but its times, which a database may round."""
    return {
        "number": trial.number,
        "state": trial.state,
        "values": trial.values,
        "params": trial.params,
        "distributions": trial.distributions,
        "user": trial.user_attrs,
        "system": trial.system_attrs,
        "intermediate": trial.intermediate_values,
        "id": trial._trial_id,
        "started": trial.datetime_start is not None,
        "ended": trial.datetime_complete is not None,
    }


def _template(rng: random.Random, state: TrialState) -> FrozenTrial:
    return create_trial(
        state=state,
        params={"kind": rng.choice(["a", "b"])},
        distributions={"kind": CategoricalDistribution(["a", "b"])},
        user_attrs={"list": [1, {"two": 2.5}]},
    )


def _act(storage: MirrorStorage, study: int, rng: random.Random, mine: list[int]) -> None:
    """One of the things that a search does."""
    if not mine or rng.random() < 0.3:
        state = rng.choice([TrialState.RUNNING, TrialState.WAITING])
        trial_id = storage.create_new_trial(
            study, _template(rng, state) if rng.random() < 0.7 else None
        )
        if state == TrialState.RUNNING or storage.get_trial(trial_id).state == TrialState.RUNNING:
            mine.append(trial_id)
        return
    trial_id = rng.choice(mine)
    action = rng.randrange(6)
    if action == 0:
        storage.set_trial_user_attr(trial_id, f"u{rng.randrange(3)}", rng.random())
    elif action == 1:
        storage.set_trial_system_attr(trial_id, f"s{rng.randrange(3)}", rng.random())
    elif action == 2:
        storage.set_trial_intermediate_value(trial_id, rng.randrange(3), rng.random())
    elif action == 3 and "x" not in storage.get_trial(trial_id).params:
        storage.set_trial_param(trial_id, "x", 0.25, FloatDistribution(0, 1))
    elif action == 4:
        storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [rng.random(), 2.0])
        mine.remove(trial_id)
    elif action == 5:
        storage.set_trial_state_values(trial_id, rng.choice([TrialState.FAIL, TrialState.PRUNED]))
        mine.remove(trial_id)


@pytest.mark.parametrize("seed", range(6))
def test_two_processes_see_what_the_database_holds(
    opened: Callable[[], MirrorStorage], tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    one, two = opened(), opened()
    study = one.create_new_study(_DIRECTIONS, "study")
    mine: tuple[list[int], list[int]] = ([], [])
    for _ in range(60):
        which = rng.randrange(2)
        storage = (one, two)[which]
        _act(storage, study, rng, mine[which])
        waiting = storage.get_all_trials(study, deepcopy=False, states=(TrialState.WAITING,))
        if waiting and rng.random() < 0.3:
            popped = waiting[0]._trial_id
            if storage.set_trial_state_values(popped, TrialState.RUNNING):
                mine[which].append(popped)
        if rng.random() < 0.5:
            plain = RDBStorage(f"sqlite:///{tmp_path}/study.db").get_all_trials(study)
            seen = storage.get_all_trials(study, deepcopy=False)
            assert [_plain(trial) for trial in seen] == [_plain(trial) for trial in plain]
            assert [_plain(storage.get_trial(t._trial_id)) for t in plain] == [
                _plain(trial) for trial in plain
            ]
            wanted = (TrialState.COMPLETE, TrialState.RUNNING)
            assert [t.number for t in storage.get_all_trials(study, states=wanted)] == [
                t.number for t in plain if t.state in wanted
            ]


def test_a_trial_that_another_process_ended_takes_no_more_writes(
    opened: Callable[[], MirrorStorage],
) -> None:
    one, two = opened(), opened()
    study = one.create_new_study(_DIRECTIONS, "study")
    trial = one.create_new_trial(study)
    two.get_all_trials(study)
    two.set_trial_state_values(trial, TrialState.FAIL)
    with pytest.raises(UpdateFinishedTrialError):
        one.set_trial_user_attr(trial, "late", 1)
    with pytest.raises(UpdateFinishedTrialError):
        one.set_trial_state_values(trial, TrialState.COMPLETE, [1.0, 2.0])


def test_new_trials_of_others_are_seen_at_once_and_what_became_of_them_soon(
    opened: Callable[[], MirrorStorage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("studies.mirror_storage.time.monotonic", lambda: now[0])
    one = MirrorStorage(RowStorage(f"sqlite:///{tmp_path}/study.db"), every_s=1.0)
    two = opened()
    study = one.create_new_study(_DIRECTIONS, "study")
    first = two.create_new_trial(study)
    assert [t.state for t in one.get_all_trials(study)] == [TrialState.RUNNING]
    one.get_all_trials(study)
    two.set_trial_state_values(first, TrialState.FAIL)
    two.create_new_trial(study)
    assert [t.state for t in one.get_all_trials(study)] == [TrialState.RUNNING] * 2
    now[0] += 1.0
    assert [t.state for t in one.get_all_trials(study)] == [TrialState.FAIL, TrialState.RUNNING]


def test_only_one_process_gets_what_waits(opened: Callable[[], MirrorStorage]) -> None:
    one, two = opened(), opened()
    study = one.create_new_study(_DIRECTIONS, "study")
    waiting = one.create_new_trial(study, _template(random.Random(0), TrialState.WAITING))
    assert [t.state for t in two.get_all_trials(study)] == [TrialState.WAITING]
    assert one.set_trial_state_values(waiting, TrialState.RUNNING)
    assert not two.set_trial_state_values(waiting, TrialState.RUNNING)
    assert [t.state for t in two.get_all_trials(study)] == [TrialState.RUNNING]


def test_a_trial_that_was_handed_out_does_not_change(
    opened: Callable[[], MirrorStorage],
) -> None:
    storage = opened()
    study = storage.create_new_study(_DIRECTIONS, "study")
    trial = storage.create_new_trial(study)
    (before,) = storage.get_all_trials(study, deepcopy=False)
    storage.set_trial_user_attr(trial, "a", 1)
    storage.set_trial_state_values(trial, TrialState.COMPLETE, [1.0, 2.0])
    assert before.state == TrialState.RUNNING
    assert before.user_attrs == {}
    (after,) = storage.get_all_trials(study, deepcopy=False)
    assert after.values == [1.0, 2.0]
    assert after.user_attrs == {"a": 1}


def test_what_runs_here_is_not_read_again(
    opened: Callable[[], MirrorStorage], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = opened()
    study = storage.create_new_study(_DIRECTIONS, "study")
    for _ in range(5):
        storage.create_new_trial(study)
    storage.get_all_trials(study)
    read: list[int] = []
    get = RDBStorage._get_trials

    def counting(self: RDBStorage, *args: Any, **kwargs: Any) -> list[FrozenTrial]:
        trials = get(self, *args, **kwargs)
        read.append(len(trials))
        return trials

    monkeypatch.setattr(RDBStorage, "_get_trials", counting)
    assert len(storage.get_all_trials(study)) == 5
    assert read == []
    opened().create_new_trial(study)
    assert len(storage.get_all_trials(study)) == 6
    assert read == [1]


def _numbers(storage: MirrorStorage, study: int) -> list[int]:
    return [trial.number for trial in storage.get_all_trials(study, deepcopy=False)]


def test_trials_of_others_between_those_of_this_process_are_not_missed(
    opened: Callable[[], MirrorStorage],
) -> None:
    one, two = opened(), opened()
    study = one.create_new_study(_DIRECTIONS, "study")
    for _ in range(4):
        one.create_new_trial(study)
    assert _numbers(one, study) == [0, 1, 2, 3]
    two.create_new_trial(study)
    waiting = create_trial(state=TrialState.WAITING)
    one.create_new_trial(study, waiting)
    last = one.create_new_trial(study, waiting)
    one.set_trial_state_values(last, TrialState.RUNNING)
    for _ in range(2):
        assert _numbers(one, study) == [0, 1, 2, 3, 4, 5, 6]


def test_trials_of_others_before_one_that_another_took_are_not_missed(
    opened: Callable[[], MirrorStorage],
) -> None:
    one, two = opened(), opened()
    study = one.create_new_study(_DIRECTIONS, "study")
    one.create_new_trial(study)
    two.create_new_trial(study)
    taken = one.create_new_trial(study, create_trial(state=TrialState.WAITING))
    two.get_all_trials(study)
    assert two.set_trial_state_values(taken, TrialState.RUNNING)
    assert not one.set_trial_state_values(taken, TrialState.RUNNING)
    assert _numbers(one, study) == [0, 1, 2]


def test_what_optuna_writes_in_a_trial_that_it_got_changes_no_other_copy(
    opened: Callable[[], MirrorStorage],
) -> None:
    storage = opened()
    study = storage.create_new_study(_DIRECTIONS, "study")
    trial = storage.create_new_trial(study)
    storage.get_trial(trial).user_attrs["never"] = "written"
    assert storage.get_trial(trial).user_attrs == {}


def test_what_could_not_be_written_together_is_not_read_either(
    opened: Callable[[], MirrorStorage],
) -> None:
    storage = opened()
    study = storage.create_new_study(_DIRECTIONS, "study")
    trial = storage.create_new_trial(study)

    def write() -> None:
        storage.set_trial_user_attr(trial, "one", 1)
        storage.set_trial_intermediate_value(trial, 8, 0.5)
        raise OSError("cut off")

    with pytest.raises(OSError, match="cut off"):
        storage.together(write)
    for seen in (storage, opened()):
        assert seen.get_trial(trial).user_attrs == {}
        assert seen.get_trial(trial).intermediate_values == {}
