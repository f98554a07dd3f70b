"""A storage of Optuna that waits while what it wraps is locked or away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from studies.journal import Journal
from studies.mirror_storage import MirrorStorage
from studies.patience import Patience, Result


class PatientStorage(BaseStorage):
    """Passes every call on, and repeats it with ``patience``.

    A connection may be lost after the server wrote: then a repeated call finds its own work. To
    set an attribute or a value twice changes nothing. A trial that is found finished just so, and a
    study of that name and those directions, count as done. A new trial, or one taken from the
    queue, may be there twice: the first one stays behind, running, until
    ``studies.lost_trials`` ends it. Every method raises ``StorageOutageError`` once the
    patience is at its end, beside what Optuna's own raise.
    """

    def __init__(self, storage: BaseStorage, patience: Patience) -> None:
        self._storage = storage
        self._patience = patience
        self._together = threading.local()

    def together(self, write: Callable[[], None]) -> None:
        """Let all that ``write`` writes be written at once, where the storage can.

        All of it is repeated with patience, so it has to be what may be written twice.
        """

        def written(_: bool) -> None:
            self._together.going_on = True
            try:
                if isinstance(self._storage, MirrorStorage | Journal):
                    self._storage.together(write)
                else:
                    write()
            finally:
                self._together.going_on = False

        self._patience.call(written)

    def _call(self, function: Callable[[bool], Result]) -> Result:
        """Call with patience; within ``together`` without: all of that is repeated."""
        if getattr(self._together, "going_on", False):
            return function(False)
        return self._patience.call(function)

    # --- calls that cannot simply be repeated ---------------------------------------------------

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Create a study; raises ``DuplicatedStudyError`` where it was there before."""

        def create(again: bool) -> int:
            try:
                return self._storage.create_new_study(directions, study_name)
            except DuplicatedStudyError:
                found = self._study_like(directions, study_name) if again else None
                if found is None:
                    raise
                return found

        return self._call(create)

    def delete_study(self, study_id: int) -> None:
        """Delete a study; raises ``KeyError`` where it was not there before."""

        def delete(again: bool) -> None:
            try:
                self._storage.delete_study(study_id)
            except KeyError:
                if not again:
                    raise

        self._call(delete)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create a trial; repeated, it may leave another one behind."""
        return self._call(lambda _: self._storage.create_new_trial(study_id, template_trial))

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """End a trial or take it from the queue; False where another process took it."""

        def set_(again: bool) -> bool:
            try:
                return self._storage.set_trial_state_values(trial_id, state, values)
            except UpdateFinishedTrialError:
                if again and self._ended_so(trial_id, state, values):
                    return True
                raise

        return self._call(set_)

    def _study_like(self, directions: Sequence[StudyDirection], name: str | None) -> int | None:
        if name is None:
            return None
        study_id = self._storage.get_study_id_from_name(name)
        same = self._storage.get_study_directions(study_id) == list(directions)
        return study_id if same else None

    def _ended_so(self, trial_id: int, state: TrialState, values: Sequence[float] | None) -> bool:
        trial = self._storage.get_trial(trial_id)
        return trial.state == state and trial.values == (None if values is None else list(values))

    # --- studies --------------------------------------------------------------------------------

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Write a value on a study."""
        self._call(lambda _: self._storage.set_study_user_attr(study_id, key, value))

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Write a value of Optuna's on a study."""
        self._call(lambda _: self._storage.set_study_system_attr(study_id, key, value))

    def get_study_id_from_name(self, study_name: str) -> int:
        """Id of a study; raises ``KeyError``."""
        return self._call(lambda _: self._storage.get_study_id_from_name(study_name))

    def get_study_name_from_id(self, study_id: int) -> str:
        """Name of a study; raises ``KeyError``."""
        return self._call(lambda _: self._storage.get_study_name_from_id(study_id))

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Directions of a study's objectives."""
        return self._call(lambda _: self._storage.get_study_directions(study_id))

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """What was written on a study."""
        return self._call(lambda _: self._storage.get_study_user_attrs(study_id))

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """What Optuna wrote on a study."""
        return self._call(lambda _: self._storage.get_study_system_attrs(study_id))

    def get_all_studies(self) -> list[FrozenStudy]:
        """All studies."""
        return self._call(lambda _: self._storage.get_all_studies())

    # --- trials ---------------------------------------------------------------------------------

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Write a parameter of a trial; one that is there already stays."""
        self._call(
            lambda _: self._storage.set_trial_param(
                trial_id, param_name, param_value_internal, distribution
            )
        )

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Write what a running trial reached at a step."""
        self._call(
            lambda _: self._storage.set_trial_intermediate_value(trial_id, step, intermediate_value)
        )

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Write a value on a running trial."""
        self._call(lambda _: self._storage.set_trial_user_attr(trial_id, key, value))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Write a value of Optuna's on a running trial."""
        self._call(lambda _: self._storage.set_trial_system_attr(trial_id, key, value))

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Id of a trial; raises ``KeyError``."""
        return self._call(
            lambda _: self._storage.get_trial_id_from_study_id_trial_number(study_id, trial_number)
        )

    def get_trial_number_from_id(self, trial_id: int) -> int:
        """Number of a trial in its study; raises ``KeyError``."""
        return self._call(lambda _: self._storage.get_trial_number_from_id(trial_id))

    def get_trial_param(self, trial_id: int, param_name: str) -> float:
        """A parameter of a trial as it is kept; raises ``KeyError``."""
        return self._call(lambda _: self._storage.get_trial_param(trial_id, param_name))

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """A trial; raises ``KeyError``."""
        return self._call(lambda _: self._storage.get_trial(trial_id))

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """A study's trials, in their order."""
        return self._call(
            lambda _: self._storage.get_all_trials(study_id, deepcopy=deepcopy, states=states)
        )

    def get_n_trials(
        self, study_id: int, state: tuple[TrialState, ...] | TrialState | None = None
    ) -> int:
        """How many trials a study has."""
        return self._call(lambda _: self._storage.get_n_trials(study_id, state))

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """The best trial of a study of one objective."""
        return self._call(lambda _: self._storage.get_best_trial(study_id))

    # --- connections ----------------------------------------------------------------------------

    def remove_session(self) -> None:
        """Give back this thread's connection."""
        self._storage.remove_session()
