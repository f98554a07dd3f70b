"""What a sampler needs of a study's trials, read once each: 10,000 of them cost no loop an ask."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from studies.candidate_space import Params
from studies.rungs import read_rungs

#: Where Optuna keeps the parameters of a queued trial.
_FIXED = "fixed_params"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished trial: every number is to be made small.

    ``values`` is None unless the trial is complete. ``rungs`` are earlier values of the first
    objective by step. ``feasible`` is None where no constraint was set. A trial that ``failed`` may
    have been about to ask for more parameters.
    """

    number: int
    params: Params
    values: tuple[float, ...] | None
    rungs: Mapping[float, float]
    feasible: bool | None
    failed: bool

    @property
    def on_front(self) -> bool:
        """Whether it may be part of the front."""
        return self.values is not None and self.feasible is not False


class TrialHistory:
    """Finished trials, and the ones that go on.

    Trials that are read at once come by number: two processes that end at about the same time do
    not change what follows. ``finished`` only grows, ``going_on`` holds parameters by number.
    ``distributions`` is the union of what trials asked for, in order.
    """

    def __init__(self, directions: Sequence[StudyDirection]) -> None:
        self._signs = [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in directions]
        self._seen = 0
        self._open: list[int] = []
        self._failed: list[int] = []
        self.finished: list[Outcome] = []
        self.going_on: dict[int, Params] = {}
        self.distributions: dict[str, BaseDistribution] = {}

    def read(self, trials: Sequence[FrozenTrial], asking: int | None) -> list[Outcome]:
        """Take in what is new; returns what has ended since. ``asking`` is left out."""
        numbers = [*self._open, *range(self._seen, len(trials))]
        self._seen = len(trials)
        self._open = [n for n in numbers if not trials[n].state.is_finished()]
        self.going_on = {n: _params(trials[n]) for n in self._open if n != asking}
        ended = [trials[n] for n in sorted(numbers) if trials[n].state.is_finished()]
        outcomes = [self._outcome(trial) for trial in ended]
        self.finished += outcomes
        for trial in ended:
            if trial.state == TrialState.FAIL:
                self._failed.append(trial.number)
            else:
                self.distributions.update(trial.distributions)
        return outcomes

    def count_before(self, number: int) -> int:
        """Trials before one, but for failed ones: what was cut off is tried again as another."""
        return number - sum(failed < number for failed in self._failed)

    def _outcome(self, trial: FrozenTrial) -> Outcome:
        complete = trial.state == TrialState.COMPLETE
        values = (
            tuple(s * v for s, v in zip(self._signs, trial.values, strict=True))
            if (complete and all(math.isfinite(v) for v in trial.values))
            else None
        )
        learns = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        rungs = {
            float(step): self._signs[0] * value
            for step, value in sorted(_early_values(trial).items())
            if learns and math.isfinite(value)
        }
        constraints = trial.constraints.values() if learns else ()
        return Outcome(
            number=trial.number,
            params=_params(trial),
            values=values,
            rungs=rungs,
            feasible=all(c <= 0 for c in constraints) if constraints else None,
            failed=not learns,
        )


def _early_values(trial: FrozenTrial) -> dict[int, float]:
    """The first objective by samples trained on: Optuna's intermediate values, and rungs."""
    rungs = {rung.samples: rung.values[0] for rung in read_rungs(trial.user_attrs) if rung.values}
    return rungs | trial.intermediate_values


def _params(trial: FrozenTrial) -> Params:
    """What a trial asked for so far, else what it was queued with."""
    params: Params = trial.params or trial.system_attrs.get(_FIXED, {})
    return params
