"""Reads a study's trials as records, each one that ended once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial, TrialState

from studies.record import STATUS, Status, TrialRecord, read_record
from studies.stored import Stored

_STATES: Mapping[TrialState, Status] = {
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "refused",
    TrialState.FAIL: "failed",
}


class TrialReader:
    """Remembers what it read of each trial, as long as the storage hands out the same object.

    A storage replaces a trial that changed (``studies.mirror_storage``), or has a new object each
    time; one that ended does not change any more.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[FrozenTrial, TrialRecord]] = {}
        self._ended: list[TrialRecord] = []

    def read(self, trials: Sequence[FrozenTrial]) -> list[TrialRecord]:
        """The records of all trials of one study; raises ``StudyError`` for damaged ones."""
        for trial in trials[len(self._ended) :]:
            if not trial.state.is_finished():
                break
            self._ended.append(self.read_one(trial))
        return [*self._ended, *map(self.read_one, trials[len(self._ended) :])]

    def read_one(self, trial: FrozenTrial) -> TrialRecord:
        """The record of one; raises ``StudyError`` where it is damaged."""
        known = self._known.get(trial.number)
        if known is not None and (known[0] is trial or known[0].state.is_finished()):
            return known[1]
        record = _read(trial)
        self._known[trial.number] = trial, record
        return record


def _read(trial: FrozenTrial) -> TrialRecord:
    number = Stored(trial.number, "number of a trial").count()
    status: object = _STATES[trial.state]
    if trial.state.is_finished():  # else whoever was to end it was killed before its last write
        status = trial.user_attrs.get(STATUS, status)
    complete = trial.state == TrialState.COMPLETE
    values = Stored((complete and trial.values) or (), f"values of trial {number}").items()
    return read_record(number, status, trial.user_attrs, tuple(v.number() for v in values))
