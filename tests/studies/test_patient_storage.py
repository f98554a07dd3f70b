from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

import studies.patience
from studies.errors import StorageOutageError, UsageError
from studies.patience import PATIENCE_VARIABLE, Patience, patience_s
from studies.patient_storage import PatientStorage

_MINIMIZE = [StudyDirection.MINIMIZE]


class Lossy(InMemoryStorage):
    """Writes, and then loses the connection, the first time that ``method`` is called."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self._method = method

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name != super().__getattribute__("__dict__").get("_method"):
            return found

        def lose(*args: Any, **kwargs: Any) -> None:
            self._method = ""
            found(*args, **kwargs)
            raise ConnectionResetError(104, "connection reset")

        return lose


def _patient(storage: BaseStorage, limit_s: float = 5.0) -> PatientStorage:
    return PatientStorage(storage, Patience(url="sqlite:///x.db", limit_s=limit_s))


def test_a_study_that_was_created_before_the_connection_was_lost_is_its_own() -> None:
    storage = _patient(Lossy("create_new_study"))
    study_id = storage.create_new_study(_MINIMIZE, "one")
    assert storage.get_study_id_from_name("one") == study_id
    with pytest.raises(optuna.exceptions.DuplicatedStudyError):
        storage.create_new_study(_MINIMIZE, "one")


def test_a_trial_that_was_ended_before_the_connection_was_lost_is_done() -> None:
    storage = _patient(Lossy("set_trial_state_values"))
    study = optuna.create_study(storage=storage)
    study.tell(study.ask(), 1.5)
    assert [t.value for t in study.trials] == [1.5]
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        storage.set_trial_state_values(study.trials[0]._trial_id, TrialState.COMPLETE, [1.5])


def test_a_trial_that_was_created_before_the_connection_was_lost_stays_behind() -> None:
    study = optuna.create_study(storage=_patient(Lossy("create_new_trial")))
    assert study.ask().number == 1
    assert [t.state for t in study.trials] == [TrialState.RUNNING] * 2


def test_a_study_that_was_deleted_before_the_connection_was_lost_is_gone() -> None:
    storage = _patient(Lossy("delete_study"))
    storage.delete_study(storage.create_new_study(_MINIMIZE, "one"))
    assert storage.get_all_studies() == []


def test_every_call_of_a_storage_is_passed_on() -> None:
    inherited = {"check_trial_is_updatable", "get_trial_params"}
    inherited |= {"get_trial_user_attrs", "get_trial_system_attrs"}  # by get_trial
    offered = {name for name in vars(BaseStorage) if not name.startswith("_")} - inherited
    assert offered <= set(vars(PatientStorage))


def test_storages_of_one_study_are_the_same() -> None:
    storage = _patient(InMemoryStorage())
    assert optuna.create_study(storage=storage)._storage is storage


def _locked() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorname = "SQLITE_BUSY"
    return error


def _failing(error: Exception, calls: list[bool]) -> Callable[[bool], None]:
    def fail(again: bool) -> None:
        calls.append(again)
        raise error

    return fail


def test_what_passes_is_tried_until_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies.patience, "_TOLD_AFTER_S", 0.2)
    told: list[str] = []
    calls: list[bool] = []
    patience = Patience(url="postgresql://me:s3cr3t@host/db", limit_s=1.0, tell=told.append)
    begin = time.monotonic()
    with pytest.raises(StorageOutageError, match=r"locked by another program.*; waited 1 s"):
        patience.call(_failing(_locked(), calls))
    assert 0.9 < time.monotonic() - begin < 3
    assert calls[0] is False
    assert 2 < len(calls) < 20
    (line,) = told
    assert line == (
        "waiting for storage postgresql://me:***@host/db; if it is locked or away, up to 1 s"
    )


def test_who_cannot_tell_any_more_does_not_keep_others_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(studies.patience, "_TOLD_AFTER_S", 0.1)
    told: list[str] = []

    def gone(text: str) -> None:
        raise BrokenPipeError(text)

    for tell in (gone, told.append):
        Patience(url="sqlite://", limit_s=5.0, tell=tell).call(lambda _: time.sleep(0.6))
    assert len(told) == 1


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        PermissionError(13, "Permission denied"),
        sqlite3.OperationalError("no such table: studies"),
        sqlite3.OperationalError("database or disk is full"),
        KeyError("study"),
    ],
)
def test_what_does_not_pass_is_told_at_once(error: Exception) -> None:
    calls: list[bool] = []
    with pytest.raises(type(error)):
        Patience(url="sqlite:///x.db", limit_s=5.0).call(_failing(error, calls))
    assert calls == [False]


def test_how_long_to_wait_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PATIENCE_VARIABLE, raising=False)
    assert patience_s() == 60
    monkeypatch.setenv(PATIENCE_VARIABLE, "1.5")
    assert Patience(url="").limit_s == 1.5
    for text in ("soon", "-1", "nan", "inf"):
        monkeypatch.setenv(PATIENCE_VARIABLE, text)
        with pytest.raises(UsageError, match=PATIENCE_VARIABLE):
            patience_s()
