"""What a study had spent, in MACs and in seconds, whenever one of its trials was complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from search_compute import Accounting, shared_training_macs

from studies.observer import Observer
from studies.pareto import Direction, front_indices
from studies.problem import Problem
from studies.record import TrialRecord
from studies.store import load_study


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A complete trial, and all that was spent up to its end, shared weights included."""

    macs: float
    seconds: float
    record: TrialRecord


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A study: its complete trials as they ended, and what all of its trials took.

    ``seconds`` go from asking for a candidate to the end of its trial, so that what a sampler takes
    to propose counts.
    """

    moments: tuple[Moment, ...]
    macs: float
    seconds: float
    counts: dict[str, int]

    def front(self, macs: float, directions: Sequence[Direction]) -> list[TrialRecord]:
        """The validation front of what was complete when so much was spent, cheapest first."""
        there = [moment.record for moment in self.moments if moment.macs <= macs]
        front = [there[i] for i in front_indices([r.values for r in there], directions)]
        return sorted(front, key=lambda record: (record.macs, record.number))

    def seconds_at(self, macs: float) -> float:
        """Seconds to the last complete trial within so many MACs, 0 where there is none."""
        return max((moment.seconds for moment in self.moments if moment.macs <= macs), default=0.0)


def read_timeline(problem: Problem) -> Timeline:
    """Add up a study that was begun."""
    url = problem.config.storage
    store = load_study(url, problem.name)
    seconds = _seconds(url, problem.name)
    accounting, records = Accounting.of(problem), store.records()
    spent_macs, spent_seconds = shared_spending(problem), store.shared_weights_seconds()
    moments = []
    for record in records:
        spent_macs += accounting.trial_macs(record)
        spent_seconds += seconds.get(record.number, 0.0)
        if record.status == "complete":
            moments.append(Moment(macs=spent_macs, seconds=spent_seconds, record=record))
    statuses = [record.status for record in records]
    return Timeline(
        moments=tuple(moments),
        macs=spent_macs,
        seconds=spent_seconds,
        counts={status: statuses.count(status) for status in sorted(set(statuses))},
    )


def shared_spending(problem: Problem) -> float:
    """MACs of a study's shared weights, 0 where it has none."""
    return shared_training_macs(problem) if problem.config.share_weights else 0.0


def _seconds(url: str, name: str) -> dict[int, float]:
    """Seconds of every ended trial but those that were interrupted and begun again."""
    return {
        trial.number: trial.duration.total_seconds()
        for trial in optuna.load_study(study_name=name, storage=url).get_trials(deepcopy=False)
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
