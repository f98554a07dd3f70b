"""A database of trials that is read once: what this process writes, it knows already.

Optuna's own cache reads every trial that runs again whenever trials are asked for. With 256 of
them that took 0.3 s each time, and a search asks several times a trial
(``benchmarks/scale.py``). Here only the trials that other processes run are read again.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeAlias

from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from studies.row_storage import RowStorage, Table

#: On a session: the attributes that are to be written together.
_TOGETHER = "together"
#: Seconds until what other processes go on with is read again, and how many times longer than it
#: takes: 256 running trials took 0.3 s.
_EVERY_S, _PART = 0.5, 20


_Collected: TypeAlias = dict[Table, dict[int, dict[str, Any]]]


class MirrorStorage(BaseStorage):
    """Writes to a database, and reads trials from a copy of it in memory.

    New trials of other processes are read whenever trials are asked for; those that they go on
    with are read again when that is ``every_s`` seconds ago, for at most a twentieth of the time
    (0: whenever trials are asked for). Trials that this process began are written by it alone,
    until another one finds it gone: then the database refuses its writes
    (``UpdateFinishedTrialError``). The copy's trials are never changed, only replaced, so whoever
    holds one may keep it.
    """

    def __init__(self, backend: RowStorage, *, every_s: float = _EVERY_S) -> None:
        self._every_s = every_s
        backend.scoped_session = scoped_session(sessionmaker(bind=backend.engine, class_=_Session))
        self._backend = backend
        self._lock = threading.RLock()
        self._studies: dict[int, _Trials] = {}

    def together(self, write: Callable[[], None]) -> None:
        """Commit once what ``write`` writes from this thread: 20 commits take a disk 0.3 s.

        Attributes of trials come last, all in one statement.
        """
        session = self._backend.scoped_session()
        attributes: _Collected = {}
        session.info[_TOGETHER] = attributes
        try:
            write()
            with self._running(*{i for by_trial in attributes.values() for i in by_trial}):
                self._backend.write_attributes(session, attributes)
            session.info[_TOGETHER] = None
            session.commit()
        except SQLAlchemyError as error:
            session.rollback()
            raise StorageInternalError("written together") from error
        finally:
            session.info[_TOGETHER] = None
            session.close()

    # --- studies ------------------------------------------------------------------------------

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        return self._backend.create_new_study(directions, study_name)

    def delete_study(self, study_id: int) -> None:
        with self._lock:
            self._studies.pop(study_id, None)
        self._backend.delete_study(study_id)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._backend.set_study_user_attr(study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._backend.set_study_system_attr(study_id, key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        return self._backend.get_study_id_from_name(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._backend.get_study_name_from_id(study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        with self._lock:
            trials = self._trials(study_id)
            if trials.directions is None:
                trials.directions = self._backend.get_study_directions(study_id)
            return trials.directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._backend.get_study_user_attrs(study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._backend.get_study_system_attrs(study_id)

    def get_all_studies(self) -> list[FrozenStudy]:
        return self._backend.get_all_studies()

    # --- writing ------------------------------------------------------------------------------

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        trial = self._backend._create_new_trial(study_id, template_trial)
        with self._lock:
            self._trials(study_id).own(trial)
        return trial._trial_id

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        with self._running(trial_id):
            self._backend.set_trial_param(trial_id, param_name, param_value_internal, distribution)
        value = distribution.to_external_repr(param_value_internal)
        with self._changed(trial_id) as trial:
            trial._params = {**trial._params, param_name: value}
            trial._distributions = {**trial._distributions, param_name: distribution}

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        with self._running(trial_id):
            changed = self._backend.set_trial_state_values(trial_id, state, values)
        if not changed or state == TrialState.RUNNING:
            self._read_again(trial_id, mine=changed)
            return changed
        with self._changed(trial_id) as trial:
            trial.state = state
            trial.values = None if values is None else [float(value) for value in values]
            if state.is_finished():
                trial.datetime_complete = datetime.now()
        return True

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        with self._running(trial_id):
            self._backend.set_trial_intermediate_value(trial_id, step, intermediate_value)
        with self._changed(trial_id) as trial:
            trial.intermediate_values = {**trial.intermediate_values, step: intermediate_value}

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        if not self._collects(models.TrialUserAttributeModel, trial_id, key, value):
            with self._running(trial_id):
                self._backend.set_trial_user_attr(trial_id, key, value)
        with self._changed(trial_id) as trial:
            trial._user_attrs = {**trial._user_attrs, key: copy.deepcopy(value)}

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        if not self._collects(models.TrialSystemAttributeModel, trial_id, key, value):
            with self._running(trial_id):
                self._backend.set_trial_system_attr(trial_id, key, value)
        with self._changed(trial_id) as trial:
            trial._system_attrs = {**trial._system_attrs, key: copy.deepcopy(value)}

    def _collects(self, table: Table, trial_id: int, key: str, value: Any) -> bool:
        """Put an attribute with those that are written together, if any are."""
        attributes: _Collected | None = self._backend.scoped_session().info.get(_TOGETHER)
        if attributes is None:
            return False
        attributes.setdefault(table, {}).setdefault(trial_id, {})[key] = value
        return True

    # --- reading ------------------------------------------------------------------------------

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        with self._lock:
            known = self._trials(study_id).by_number.get(trial_number)
        if known is not None:
            return known._trial_id
        return self._backend.get_trial_id_from_study_id_trial_number(study_id, trial_number)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        with self._lock:
            trials = next((t for t in self._studies.values() if trial_id in t.numbers), None)
            if trials is not None and trial_id not in trials.foreign:
                return trials.by_id(trial_id)
        return self._backend.get_trial(trial_id)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        with self._lock:
            trials = self._trials(study_id)
            began = time.monotonic()
            again = set(trials.foreign) if began >= trials.read_again_at else set()
            if again or not trials.is_newest(self._backend.newest_trial_id(study_id)):
                trials.take(
                    self._backend._get_trials(
                        study_id,
                        states=None,
                        included_trial_ids=again,
                        trial_id_greater_than=trials.last_id,
                    )
                )
            if again:
                took = time.monotonic() - began
                trials.read_again_at = began + (self._every_s and max(self._every_s, _PART * took))
            found = trials.ordered(states)
        return copy.deepcopy(found) if deepcopy else found

    def remove_session(self) -> None:
        self._backend.remove_session()

    # --- the copy -----------------------------------------------------------------------------

    def _trials(self, study_id: int) -> _Trials:
        return self._studies.setdefault(study_id, _Trials())

    def _changed(self, trial_id: int) -> _Replacing:
        return _Replacing(self._lock, self._studies, trial_id)

    @contextmanager
    def _running(self, *trial_ids: int) -> Iterator[None]:
        """Forgets its copies of trials that another process ended, which took this one for gone."""
        try:
            yield
        except UpdateFinishedTrialError:
            with self._lock:
                for trials in self._studies.values():
                    for trial_id in trials.numbers.keys() & set(trial_ids):
                        trials.replace(self._backend.get_trial(trial_id))
            raise

    def _read_again(self, trial_id: int, *, mine: bool) -> None:
        with self._lock:
            for trials in self._studies.values():
                if trial_id in trials.numbers:
                    trial = self._backend.get_trial(trial_id)
                    trials.own(trial) if mine else trials.take([trial])


class _Session(Session):
    """A session of Optuna's: it commits and closes after every call but within ``together``."""

    def commit(self) -> None:
        if self.info.get(_TOGETHER) is not None:
            self.flush()
        else:
            super().commit()

    def close(self) -> None:
        if self.info.get(_TOGETHER) is None:
            super().close()


class _Trials:
    """The trials of one study. ``foreign`` are ids of unfinished ones that others may change."""

    def __init__(self) -> None:
        self.directions: list[StudyDirection] | None = None
        self.by_number: dict[int, FrozenTrial] = {}
        self.numbers: dict[int, int] = {}
        self.foreign: set[int] = set()
        self.last_id = -1
        self.read_again_at = 0.0
        self._mine: set[int] = set()
        self._order: list[FrozenTrial] | None = None

    def own(self, trial: FrozenTrial) -> None:
        """A trial that this process runs, or has put on the queue."""
        if trial.state == TrialState.RUNNING:
            self._mine.add(trial._trial_id)
            if len(self.by_number) == trial.number:  # all before it are here
                self.last_id = max(self.last_id, trial._trial_id)
        self._put(trial)

    def is_newest(self, trial_id: int) -> bool:
        """Whether this is known as the id of the newest trial."""
        return 0 <= trial_id <= self.last_id

    def take(self, trials: Sequence[FrozenTrial]) -> None:
        """Trials as they were just read; the copies of this process's own stay."""
        for trial in trials:
            if trial._trial_id not in self._mine:
                self._put(trial)
            self.last_id = max(self.last_id, trial._trial_id)

    def replace(self, trial: FrozenTrial) -> None:
        """The same trial, changed by this process."""
        if trial.state.is_finished():
            self._mine.discard(trial._trial_id)
        self._put(trial)

    def by_id(self, trial_id: int) -> FrozenTrial:
        """A trial that is here."""
        return self.by_number[self.numbers[trial_id]]

    def ordered(self, states: Container[TrialState] | None) -> list[FrozenTrial]:
        """All trials by number, or those in some states."""
        if self._order is None:
            self._order = [self.by_number[number] for number in sorted(self.by_number)]
        if states is None:
            return list(self._order)
        return [trial for trial in self._order if trial.state in states]

    def _put(self, trial: FrozenTrial) -> None:
        known = trial.number in self.by_number
        self.by_number[trial.number] = trial
        self.numbers[trial._trial_id] = trial.number
        if trial.state.is_finished() or trial._trial_id in self._mine:
            self.foreign.discard(trial._trial_id)
        else:
            self.foreign.add(trial._trial_id)
        if self._order is not None and known and trial.number < len(self._order):
            self._order[trial.number] = trial
        else:
            self._order = None


class _Replacing:
    """Hands out a copy of a trial to change, and puts it in the trial's place."""

    def __init__(self, lock: threading.RLock, studies: dict[int, _Trials], trial_id: int) -> None:
        self._lock, self._studies, self._id = lock, studies, trial_id

    def __enter__(self) -> FrozenTrial:
        self._lock.acquire()
        self._trials = next((t for t in self._studies.values() if self._id in t.numbers), None)
        known = self._trials.by_id(self._id) if self._trials else None
        self._trial = copy.copy(known) if known else FrozenTrial.__new__(FrozenTrial)
        return self._trial

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._trials is not None:
            self._trials.replace(self._trial)
        self._lock.release()
