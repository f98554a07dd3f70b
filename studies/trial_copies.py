"""Copies of a study's trials, and which of them other processes may change."""

from __future__ import annotations

import copy
from collections.abc import Container, Sequence

from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState


class TrialCopies:
    """The trials of one study as they were last read or written.

    ``foreign`` are ids of unfinished ones that others may change, ``mine`` of those that this
    process runs.
    """

    def __init__(self) -> None:
        self.directions: list[StudyDirection] | None = None
        self.by_number: dict[int, FrozenTrial] = {}
        self.numbers: dict[int, int] = {}
        self.foreign: set[int] = set()
        self.last_id = -1
        self.read_again_at = 0.0
        self.mine: set[int] = set()
        self._dense = 0  # all numbers below are here
        self._order: list[FrozenTrial] | None = None
        self._names: dict[str, str] = {}
        self._distributions: dict[str, BaseDistribution] = {}

    def own(self, trial: FrozenTrial) -> None:
        """A trial that this process runs, or has put on the queue."""
        if trial.state == TrialState.RUNNING:
            self.mine.add(trial._trial_id)
        if trial.number == self._dense:  # all before it are here
            self.last_id = max(self.last_id, trial._trial_id)
        self._put(trial)

    def is_newest(self, trial_id: int) -> bool:
        """Whether this is known as the id of the newest trial."""
        return 0 <= trial_id <= self.last_id

    def take(self, trials: Sequence[FrozenTrial]) -> None:
        """All trials newer than the newest one, and maybe others, as they were just read."""
        for trial in trials:
            self.see(trial)
            self.last_id = max(self.last_id, trial._trial_id)

    def see(self, trial: FrozenTrial) -> None:
        """A trial as it was just read; the copy of one that this process runs stays."""
        if trial._trial_id not in self.mine:
            self._put(trial)

    def replace(self, trial: FrozenTrial) -> None:
        """The same trial, changed by this process."""
        if trial.state.is_finished():
            self.mine.discard(trial._trial_id)
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
        before = self.by_number.get(trial.number)
        if before is None or before._distributions is not trial._distributions:
            self._share(trial)
        self.by_number[trial.number] = trial
        self.numbers[trial._trial_id] = trial.number
        if trial.state.is_finished() or trial._trial_id in self.mine:
            self.foreign.discard(trial._trial_id)
        else:
            self.foreign.add(trial._trial_id)
        while self._dense in self.by_number:
            self._dense += 1
        order = self._order or []
        if trial.number < len(order) and order[trial.number] is before:
            order[trial.number] = trial
        else:
            self._order = None

    def _share(self, trial: FrozenTrial) -> None:
        """Let trials have names and distributions in common: apart they are half of its memory."""
        distributions = dict[str, BaseDistribution]()
        for name, distribution in trial._distributions.items():
            known = self._distributions.setdefault(name, distribution)
            same = known == distribution
            distributions[self._names.setdefault(name, name)] = known if same else distribution
        trial._distributions = distributions
        trial._params = {self._names.get(n, n): value for n, value in trial._params.items()}


def apart(trial: FrozenTrial) -> FrozenTrial:
    """A copy, in which Optuna may write what it writes to the storage."""
    trial = copy.copy(trial)
    trial._params, trial._distributions = dict(trial._params), dict(trial._distributions)
    trial._user_attrs, trial._system_attrs = dict(trial._user_attrs), dict(trial._system_attrs)
    trial.intermediate_values = dict(trial.intermediate_values)
    return trial
