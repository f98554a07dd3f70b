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
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from studies.errors import UsageError
from studies.ranking import Array, nondominated_ranks, spread_order
from studies.rungs import RungRecord, read_rungs, write_rung

#: Those that count beside running ones: a failed one is begun again as another trial.
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


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


class _Rung:
    """Trials that reached a rung: numbers (N,), losses (N, M) and by how much constraints break.

    Losses are lower where better, NaN where a trial has not as many values as there are objectives.
    """

    def __init__(self, signs: Array) -> None:
        self._signs = signs
        self.numbers = np.zeros(0, dtype=np.intp)
        self.losses = np.zeros((0, len(signs)))
        self.violations = np.zeros(0)

    def and_also(self, trials: Sequence[FrozenTrial], rung: int) -> _Rung:
        """These, and those of some trials that reached it."""
        reached = [
            (trial, record.values)
            for trial in trials
            for record in read_rungs(trial.user_attrs)
            if record.samples == rung
        ]
        unknown = (math.nan,) * len(self._signs)
        values = [v if len(v) == len(unknown) else unknown for _, v in reached]
        broken = [sum(max(0.0, c) for c in trial.constraints.values()) for trial, _ in reached]
        both = _Rung(self._signs)
        both.numbers = np.append(self.numbers, [trial.number for trial, _ in reached]).astype(int)
        both.losses = np.concatenate(
            [self.losses, np.array(values).reshape(-1, len(unknown)) * self._signs]
        )
        both.violations = np.append(self.violations, broken)
        return both

    def where(self, these: NDArray[np.bool_]) -> _Rung:
        """Some of them."""
        some = _Rung(self._signs)
        some.numbers, some.losses = self.numbers[these], self.losses[these]
        some.violations = self.violations[these]
        return some


class _Ended:
    """Trials of one study that have ended: each is read once, 10,000 of them take 0.1 s."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study._storage, study._study_id
        self._signs = np.array(
            [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in study.directions]
        )
        self._seen = 0
        self._open: list[int] = []
        self._rungs: dict[int, _Rung] = {}

    def belongs_to(self, study: optuna.Study) -> bool:
        """Whether this is about a study."""
        return self._study == (study._storage, study._study_id)

    def at(self, rung: int, rungs: Sequence[int], trials: Sequence[FrozenTrial]) -> _Rung:
        """All trials of the study that reached a rung."""
        numbers = [*self._open, *range(self._seen, len(trials))]
        self._seen = len(trials)
        self._open = [n for n in numbers if not trials[n].state.is_finished()]
        ended = [trials[n] for n in numbers if trials[n].state in _ENDED]
        for each in rungs if ended else ():
            known = self._rungs.get(each, _Rung(self._signs))
            self._rungs[each] = known.and_also(ended, each)
        running = [trials[n] for n in self._open if trials[n].state == TrialState.RUNNING]
        return self._rungs.get(rung, _Rung(self._signs)).and_also(running, rung)


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
        self._ended: _Ended | None = None

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
        study = trial.study
        if self._ended is None or not self._ended.belongs_to(study):
            self._ended = _Ended(study)
        there = self._ended.at(rung, self.rungs, study.get_trials(deepcopy=False))
        if below is not None:
            there = there.where((there.numbers < below) | (there.numbers == trial.number))
        (mine,) = np.nonzero(there.numbers == trial.number)
        if not len(mine):
            raise UsageError(f"trial {trial.number} has no values at rung {rung}: report them")
        ahead = places_ahead(there.losses, there.violations, int(mine[0]))
        reached, last = len(there.numbers), rung == self.rungs[-1]
        places = reached if last else places_at_rung(reached, self.reduction)
        return Standing(reached=reached, ahead=ahead, places=places)

    def why_stopped(self, standing: Standing, rung: int) -> str:
        """The reason of a trial that does not go on, in half a sentence."""
        return (
            f"after {rung} of {self.rungs[-1]} samples {standing.ahead} of the {standing.reached} "
            f"that got there come before it, the first {standing.places} go on"
        )

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
