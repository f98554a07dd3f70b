"""Early stopping for several objectives: asynchronous successive halving over the whole front.

At rungs of growing training budget a trial goes on if it is in the better 1/eta of all trials
that got there. Better is: first by layer of non-domination, then, within a layer, by an order
that spreads over it, so no weighted sum decides which part of the front survives. This is
MO-ASHA (Schmucker et al., arXiv 2106.12639) in its stopping form; with one objective it is ASHA
(Li et al., arXiv 1810.05934). It works with any Optuna study, also where Optuna's own
``Trial.report`` and ``should_prune`` raise because it has several objectives:

    halving = FrontHalving(rungs=(0, 300, 1200), reduction=3)

    def objective(trial):
        ...
        for samples in halving.rungs:
            halving.report(trial, samples, (accuracy, macs))
            if halving.should_stop(trial, samples):
                raise optuna.TrialPruned
        return accuracy, macs
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from studies.errors import UsageError
from studies.ranking import Array, nondominated_ranks, spread_order
from studies.rungs import RungRecord, read_rungs, write_rung

#: Waiting trials have no results, and a failed one is begun again as another trial.
_COUNTED = (TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a trial stands at a rung.

    ``ahead`` of the ``reached`` trials that have results there, itself among them, come before
    it, and the first ``places`` go on.
    """

    reached: int
    ahead: int
    places: int

    @property
    def goes_on(self) -> bool:
        """Whether it is among the first."""
        return self.ahead < self.places


@dataclass(frozen=True, kw_only=True)
class _Reached:
    """Values of a trial by rung, and by how much its broken constraints are broken together."""

    number: int
    values: Mapping[int, tuple[float, ...]]
    violation: float

    @classmethod
    def of(cls, trial: FrozenTrial) -> _Reached:
        return cls(
            number=trial.number,
            values={rung.samples: rung.values for rung in read_rungs(trial.user_attrs)},
            violation=sum(max(0.0, c) for c in trial.constraints.values()),
        )


class FrontHalving:
    """Decides at each rung which trials of a study go on; several processes may ask at once.

    ``rungs`` are training budgets in samples, growing; 0 is a judgement before any training.
    ``reduction`` is eta: of all trials at a rung the better 1/eta go on. At the last rung, and
    while fewer than eta trials have results at a rung, all go on. Whoever was let go on is not
    called back when better ones come later: that is what makes it asynchronous.
    """

    def __init__(self, *, rungs: Sequence[int], reduction: float = 3.0) -> None:
        growing = all(a < b for a, b in pairwise(rungs))
        if not rungs or rungs[0] < 0 or not growing:
            raise UsageError(f"rungs {list(rungs)}: give sample numbers from 0 that grow")
        if not 1 < reduction < math.inf:
            raise UsageError(f"reduction {reduction}: give a number above 1, such as 3")
        self.rungs = tuple(rungs)
        self.reduction = reduction
        self._ended: dict[int, tuple[FrozenTrial, _Reached]] = {}

    def report(
        self, trial: optuna.Trial, rung: int, values: Sequence[float], seconds: float = 0.0
    ) -> None:
        """Write down the objectives' values of a running trial at a rung, in the study's order.

        Objectives known without training, such as a cost, are given like the others. Raises
        ``UsageError`` for a rung that is none of these or another number of values.
        """
        self._check(rung)
        write_rung(trial, RungRecord(samples=rung, values=tuple(values), seconds=seconds))

    def should_stop(self, trial: optuna.Trial, rung: int) -> bool:
        """Whether a trial that reported at this rung is not among those that go on."""
        return not self.standing(trial, rung).goes_on

    def standing(self, trial: optuna.Trial, rung: int, *, below: int | None = None) -> Standing:
        """Where a trial that reported at this rung stands among all that got there.

        With ``below`` only those whose number is smaller count beside it: what it finds does not
        depend on how fast others are. Infeasible trials (a constraint above 0) come after all
        feasible ones, and trials whose values are not all finite last of all. Raises
        ``UsageError`` where it did not report.
        """
        self._check(rung)
        there = [
            reached
            for reached in map(self._reached, _counted(trial.study))
            if rung in reached.values
            and (below is None or reached.number < below or reached.number == trial.number)
        ]
        numbers = [reached.number for reached in there]
        if trial.number not in numbers:
            raise UsageError(f"trial {trial.number} has no values at rung {rung}: report them")
        losses = _losses([reached.values[rung] for reached in there], trial.study)
        violations = np.array([reached.violation for reached in there])
        ahead = places_ahead(losses, violations, numbers.index(trial.number))
        last = rung == self.rungs[-1]
        places = len(there) if last else places_at_rung(len(there), self.reduction)
        return Standing(reached=len(there), ahead=ahead, places=places)

    def why_stopped(self, standing: Standing, rung: int) -> str:
        """The reason of a trial that does not go on, in half a sentence."""
        return (
            f"after {rung} of {self.rungs[-1]} samples {standing.ahead} of the {standing.reached} "
            f"that got there come before it, the first {standing.places} go on"
        )

    def _reached(self, trial: FrozenTrial) -> _Reached:
        """What a trial reached; of one that ended it is read once, from 10,000 it takes 0.1 s."""
        known = self._ended.get(trial._trial_id)
        if known is not None and known[0] is trial:
            return known[1]
        reached = _Reached.of(trial)
        if trial.state.is_finished():
            self._ended[trial._trial_id] = trial, reached
        return reached

    def _check(self, rung: int) -> None:
        if rung not in self.rungs:
            raise UsageError(f"rung {rung} is none of {', '.join(map(str, self.rungs))}")


def places_at_rung(reached: int, reduction: float) -> int:
    """How many of the trials at a rung go on: 1/eta of them, all while there are fewer than eta."""
    return reached if reached < reduction else math.floor(reached / reduction + 1e-9)


def places_ahead(losses: Array, violations: Array, index: int) -> int:
    """How many points come before one of them.

    ``losses`` is (N, M), lower is better; ``violations`` is (N,), 0 where feasible. The smaller
    violation comes first (constrained domination, Deb et al. 2002, section VI), then the lower
    layer of non-domination, then the place in the layer's spread order; a point that is not
    finite comes last.
    """
    finite = np.logical_and.reduce(np.isfinite(losses), axis=1)
    violations = np.where(finite, violations, np.inf)
    alike = np.flatnonzero(violations == violations[index])
    group = np.where(finite[alike, None], losses[alike], 0.0)
    me = int(np.searchsorted(alike, index))
    ranks = nondominated_ranks(group)
    layer = np.flatnonzero(ranks == ranks[me])
    in_layer = int(np.flatnonzero(layer[spread_order(group[layer])] == me)[0])
    before = (violations < violations[index]).sum() + (ranks < ranks[me]).sum()
    return int(before) + in_layer


def _counted(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=_COUNTED)


def _losses(values: Sequence[Sequence[float]], study: optuna.Study) -> Array:
    """Values of (N,) trials as (N, M), lower is better; NaN where there are not M of them."""
    signs = [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in study.directions]
    unknown = (math.nan,) * len(signs)
    return np.array([v if len(v) == len(signs) else unknown for v in values]) * signs
