"""What a study had spent, in MACs and in seconds, whenever one of its trials ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from search_compute import Accounting, shared_training_macs

from studies.observer import Observer
from studies.opening import load_study
from studies.pareto import Direction, front_indices
from studies.problem import Problem
from studies.record import TrialRecord
from studies.storage import existing_storage


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The end of a trial, and all that was spent up to it, shared weights included.

    ``seconds`` go from asking for a candidate to the end of its trial, so that what a sampler takes
    to propose counts. ``record`` is None for the end of the training of shared weights.
    """

    macs: float
    seconds: float
    record: TrialRecord | None = None


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A study: the ends of its trials, in their order, and their numbers by status."""

    moments: tuple[Moment, ...]
    counts: Mapping[str, int]

    def complete(self, macs: float) -> list[TrialRecord]:
        """Trials that were trained to the end when so much was spent."""
        there = (moment.record for moment in self.moments if moment.macs <= macs)
        return [record for record in there if record and record.status == "complete"]

    def front(self, macs: float, directions: Sequence[Direction]) -> list[TrialRecord]:
        """The validation front of what was complete when so much was spent, cheapest first."""
        there = self.complete(macs)
        front = [there[i] for i in front_indices([r.values for r in there], directions)]
        return sorted(front, key=lambda record: (record.macs, record.number))

    def seconds_at(self, macs: float) -> float:
        """Seconds when so many MACs were spent, linear between the ends of trials."""
        spent = [0.0, *(moment.macs for moment in self.moments)]
        return float(np.interp(macs, spent, [0.0, *(m.seconds for m in self.moments)]))


def read_timeline(problem: Problem) -> Timeline:
    """Add up a study that was begun."""
    url = problem.config.storage
    store = load_study(url, problem.name)
    seconds, records = _seconds(url, problem.name), store.records()
    spent = Moment(macs=shared_spending(problem), seconds=store.shared_weights_seconds())
    moments, accounting = [spent], Accounting.of(problem)
    for record in records:
        spent = Moment(
            macs=spent.macs + accounting.trial_macs(record),
            seconds=spent.seconds + seconds.get(record.number, 0.0),
            record=record,
        )
        moments.append(spent)
    counts = Counter(record.status for record in records)
    return Timeline(moments=tuple(moments), counts=dict(sorted(counts.items())))


def shared_spending(problem: Problem) -> float:
    """MACs of a study's shared weights, 0 where it has none."""
    return 0.0 if problem.config.shared_weights == "off" else shared_training_macs(problem)


def _seconds(url: str, name: str) -> dict[int, float]:
    """Seconds of every ended trial but those that were interrupted and begun again."""
    study = optuna.load_study(study_name=name, storage=existing_storage(url))
    return {
        trial.number: trial.duration.total_seconds()
        for trial in study.get_trials(deepcopy=False)
        if trial.duration is not None and trial.user_attrs.get("status") != "interrupted"
    }


class Meter(Observer):
    """Ends a search once it has spent so many MACs; prints each complete trial."""

    def __init__(self, title: str, accounting: Accounting, spent: float, limit: float) -> None:
        self._title, self._accounting = title, accounting
        self.spent, self.limit = spent, limit

    @property
    def is_over(self) -> bool:
        """Whether all was spent."""
        return self.spent >= self.limit

    def trial_ends(self, record: TrialRecord) -> None:
        """Count a trial; the one that goes beyond the limit is the last."""
        self.spent += self._accounting.trial_macs(record)
        if record.status in ("complete", "failed"):
            share = self.spent / self.limit
            print(f"{self._title}: trial {record.number} {record.status}, {share:.0%}", flush=True)
        if self.is_over:
            raise KeyboardInterrupt
