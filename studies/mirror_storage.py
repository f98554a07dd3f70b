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
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from studies.row_storage import RowStorage
from studies.trial_copies import TrialCopies, apart

#: Seconds until what other processes go on with is read again, and how many times longer than it
#: takes: 256 running trials took 0.3 s.
_EVERY_S, _PART = 0.5, 20


_Change: TypeAlias = Callable[[FrozenTrial], None]
_Changes: TypeAlias = list[tuple[int, _Change]]


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
        self._together = threading.local()

    def together(self, write: Callable[[], None]) -> None:
        """Commit once what ``write`` writes from this thread; only then it is read from here.

        Raises ``UpdateFinishedTrialError`` where one of the trials has ended.
        """
        if getattr(self._together, "changes", None) is not None:
            write()
            return
        changes: _Changes = []
        self._together.changes = changes
        try:
            with self._running(changes):
                self._backend.together(write)
        finally:
            self._together.changes = None
        for trial_id, change in changes:
            self._change(trial_id, change)

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
        value = distribution.to_external_repr(param_value_internal)

        def change(trial: FrozenTrial) -> None:
            trial._params = {**trial._params, param_name: value}
            trial._distributions = {**trial._distributions, param_name: distribution}

        with self._changing(trial_id, change):
            self._backend.set_trial_param(trial_id, param_name, param_value_internal, distribution)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        with self._running([(trial_id, _nothing)]):
            changed = self._backend.set_trial_state_values(trial_id, state, values)
        if not changed or state == TrialState.RUNNING:
            self._read_again(trial_id, mine=changed)
            return changed

        def change(trial: FrozenTrial) -> None:
            trial.state = state
            trial.values = None if values is None else [float(value) for value in values]
            if state.is_finished():
                trial.datetime_complete = datetime.now()

        self._change(trial_id, change)
        return True

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        def change(trial: FrozenTrial) -> None:
            trial.intermediate_values = {**trial.intermediate_values, step: intermediate_value}

        with self._changing(trial_id, change):
            self._backend.set_trial_intermediate_value(trial_id, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        kept = copy.deepcopy(value)

        def change(trial: FrozenTrial) -> None:
            trial._user_attrs = {**trial._user_attrs, key: kept}

        with self._changing(trial_id, change):
            self._backend.set_trial_user_attr(trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        kept = copy.deepcopy(value)

        def change(trial: FrozenTrial) -> None:
            trial._system_attrs = {**trial._system_attrs, key: kept}

        with self._changing(trial_id, change):
            self._backend.set_trial_system_attr(trial_id, key, value)

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
                return apart(trials.by_id(trial_id))
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

    @contextmanager
    def _changing(self, trial_id: int, change: _Change) -> Iterator[None]:
        """Changes the copy of a trial once the database has it, or all is committed together."""
        changes: _Changes | None = getattr(self._together, "changes", None)
        if changes is not None:
            yield
            changes.append((trial_id, change))
            return
        with self._running([(trial_id, change)]):
            yield
        self._change(trial_id, change)

    def _change(self, trial_id: int, change: _Change) -> None:
        with self._lock:
            for trials in self._studies.values():
                if trial_id in trials.numbers:
                    trial = copy.copy(trials.by_id(trial_id))
                    change(trial)
                    trials.replace(trial)

    @contextmanager
    def _running(self, changes: _Changes) -> Iterator[None]:
        """Reads again what another process ended, which took this one for gone."""
        try:
            yield
        except UpdateFinishedTrialError:
            for trial_id in sorted({trial_id for trial_id, _ in changes}):
                trial = self._backend.get_trial(trial_id)
                with self._lock:
                    for trials in self._studies.values():
                        if trial_id in trials.numbers:
                            trials.replace(trial)
            raise

    def _read_again(self, trial_id: int, *, mine: bool) -> None:
        trial = self._backend.get_trial(trial_id)
        with self._lock:
            for trials in self._studies.values():
                if trial_id in trials.numbers:
                    trials.own(trial) if mine else trials.see(trial)


def _nothing(_: FrozenTrial) -> None:
    """No change."""
