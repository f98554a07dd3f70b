"""Reads a study's trials as records, each one that ended once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial, TrialState

from search_spaces.task_spec import ArchitectureError
from studies.errors import StudyError
from studies.record import STATUS, Status, TrialRecord, read_record

_STATES: Mapping[TrialState, Status] = {
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "refused",
    TrialState.FAIL: "failed",
}


class TrialReader:
    """Remembers records of trials that ended: these do not change any more."""

    def __init__(self) -> None:
        self._ended: dict[int, TrialRecord] = {}

    def read(self, trials: Sequence[FrozenTrial]) -> list[TrialRecord]:
        """The records of all trials of one study; raises ``StudyError`` for damaged ones."""
        return [self._ended.get(trial.number) or self._read(trial) for trial in trials]

    def _read(self, trial: FrozenTrial) -> TrialRecord:
        status = trial.user_attrs.get(STATUS, _STATES[trial.state])
        values = tuple(trial.values) if trial.state == TrialState.COMPLETE else ()
        try:
            record = read_record(trial.number, status, trial.user_attrs, values)
        except ArchitectureError as error:
            raise StudyError(
                f"the architecture of trial {trial.number} is damaged or of another version: "
                f"{error}"
            ) from None
        if trial.state.is_finished():
            self._ended[trial.number] = record
        return record
