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
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from studies.row_storage import RowStorage
from studies.trial_copies import TrialCopies

#: Seconds until what other processes go on with is read again, and how many times longer than it
#: takes: 256 running trials took 0.3 s.
_EVERY_S, _PART = 0.5, 20


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
        self._backend = backend
        self._lock = threading.RLock()
        self._studies: dict[int, TrialCopies] = {}

    def together(self, write: Callable[[], None]) -> None:
        """Commit once what ``write`` writes from this thread."""
        with self._running():
            self._backend.together(write)

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
        with self._running(trial_id):
            self._backend.set_trial_user_attr(trial_id, key, value)
        with self._changed(trial_id) as trial:
            trial._user_attrs = {**trial._user_attrs, key: copy.deepcopy(value)}

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        with self._running(trial_id):
            self._backend.set_trial_system_attr(trial_id, key, value)
        with self._changed(trial_id) as trial:
            trial._system_attrs = {**trial._system_attrs, key: copy.deepcopy(value)}

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

    def _trials(self, study_id: int) -> TrialCopies:
        return self._studies.setdefault(study_id, TrialCopies())

    def _changed(self, trial_id: int) -> _Replacing:
        return _Replacing(self._lock, self._studies, trial_id)

    @contextmanager
    def _running(self, trial_id: int | None = None) -> Iterator[None]:
        """Forgets its copy of a trial that another process ended, which took this one for gone.

        Without an id it may be any that had not ended.
        """
        try:
            yield
        except UpdateFinishedTrialError:
            with self._lock:
                for trials in self._studies.values():
                    wanted = trials.mine | trials.foreign if trial_id is None else {trial_id}
                    for found in wanted & trials.numbers.keys():
                        trials.replace(self._backend.get_trial(found))
            raise

    def _read_again(self, trial_id: int, *, mine: bool) -> None:
        with self._lock:
            for trials in self._studies.values():
                if trial_id in trials.numbers:
                    trial = self._backend.get_trial(trial_id)
                    trials.own(trial) if mine else trials.take([trial])


class _Replacing:
    """Hands out a copy of a trial to change, and puts it in the trial's place."""

    def __init__(
        self, lock: threading.RLock, studies: dict[int, TrialCopies], trial_id: int
    ) -> None:
        self._lock, self._studies, self._id = lock, studies, trial_id

    def __enter__(self) -> FrozenTrial:
        self._lock.acquire()
        self._trials = next((t for t in self._studies.values() if self._id in t.numbers), None)
        known = self._trials.by_id(self._id) if self._trials else None
        if known is not None and known.state.is_finished():  # not yet written, but collected
            self._lock.release()
            raise UpdateFinishedTrialError(f"trial {known.number} has ended")
        self._trial = copy.copy(known) if known else FrozenTrial.__new__(FrozenTrial)
        return self._trial

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._trials is not None:
            self._trials.replace(self._trial)
        self._lock.release()
