"""What is believed of every objective, from finished trials: known costs and quality models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import numpy as np
import torch
from numpy.typing import NDArray

from studies.candidate_pool import CandidatePool, Candidates
from studies.candidate_space import Params
from studies.hypervolume_improvement import expected_improvement, non_dominated_rows
from studies.quality_model import Kernel, Observations, QualityModel, fit
from studies.rung_alignment import aligned, stages
from studies.shortfall_warp import ShortfallWarp
from studies.trial_history import Outcome

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

#: Values that kernels are fitted to, and that predictions rest on.
_MOST_FITTED, _MOST_USED = 150, 256
#: A kernel is fitted again after so many times more trials.
_GROWTH = 1.1
#: Values that a model needs.
_LEAST = 3
#: Costs far below this share of the largest one hardly differ.
_FLOOR = 0.05
#: How far beyond the worst value the reference point lies, in ranges of values.
_MARGIN = 0.1
#: Points of the front that trials are compared with.
_MOST_COMPARED = 32
#: Steps of it modulo 1 fill the unit interval evenly.
_GOLDEN = (5**0.5 - 1) / 2
#: Stands for an objective: whether constraints hold.
_FEASIBLE = -1


@dataclass(kw_only=True)
class Outlook:
    """What is believed of C candidates: mean and deviation, (C, M), and the chance to be feasible.

    ``front`` (F, M) has what others reached or are believed to, ``reference`` is (M,).
    """

    mean: Array
    deviation: Array
    chance: Array
    front: Array
    reference: Array

    def growth(self) -> Array:
        """Expected growth of the hypervolume for each candidate, (C,)."""
        return self._growth(self.front)

    def _growth(self, front: Array) -> Array:
        return self.chance * expected_improvement(self.mean, self.deviation, front, self.reference)

    def of(self, places: Rows) -> Outlook:
        """The same of some candidates alone."""
        return replace(
            self,
            mean=self.mean[places],
            deviation=self.deviation[places],
            chance=self.chance[places],
        )

    def greedy(self, wanted: int) -> list[int]:
        """Places of the best candidate, the best one beside it, and so on.

        Each counts for the next as if it had ended with what is expected of it. That leaves the
        means as they are, so only the front is new; that deviations shrink is left out.
        """
        chosen: list[int] = []
        front = self.front
        for _ in range(min(wanted, len(self.mean))):
            grown = self._growth(front)
            grown[chosen] = -1.0
            chosen.append(int(grown.argmax()))
            front = np.concatenate([front, self.mean[chosen[-1:]]])
        return chosen


class FrontModel:
    """Predicts the objectives of candidates, and what each would add to the front.

    All values are to be made small: ``signs`` (M,) turn an objective around that is to be made
    large. The objectives ``known`` come from the pool, in its order; the rest gets models. With
    ``by_ratio`` hypervolume is over log(cost + floor) of known objectives, which are positive
    then: half the cost is as much anywhere on the front, but for costs that are next to nothing.
    """

    def __init__(
        self,
        pool: CandidatePool,
        known: Sequence[int],
        signs: Sequence[float],
        *,
        by_ratio: bool = False,
    ) -> None:
        self._pool, self._signs = pool, np.array(signs)
        self._by_ratio = by_ratio
        self._known = list(known)
        self._modelled = [m for m in range(len(signs)) if m not in self._known]
        self._outcomes: list[Outcome] = []
        self.features: NDArray[np.float32] = np.zeros(
            (0, len(pool.features.layout.ties)), np.float32
        )
        self._values = np.zeros((0, len(signs)))
        self._sizes = np.zeros(0, dtype=np.intp)
        self._on_front, self._feasible = np.zeros(0, dtype=bool), np.zeros(0)
        self._kernels: dict[int, tuple[int, Kernel]] = {}

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Take in finished trials; one without values and constraints says nothing."""
        told = [o for o in outcomes if o.params and (o.values or o.rungs or o.feasible is not None)]
        if not told:
            return
        described = self._pool.describe([outcome.params for outcome in told])
        values = np.full((len(told), len(self._signs)), np.nan)
        values[:, self._known] = described.costs * self._signs[self._known]
        for row, outcome in zip(values, told, strict=True):
            if outcome.values is not None:
                row[:] = outcome.values
            elif outcome.rungs and 0 in self._modelled:
                row[0] = outcome.rungs[max(outcome.rungs)]
        self._outcomes += told
        self.features = np.concatenate([self.features, described.features.astype(np.float32)])
        self._values = np.concatenate([self._values, values])
        self._sizes = np.append(self._sizes, [max(len(o.rungs), 1) for o in told])
        self._on_front = np.append(self._on_front, [outcome.on_front for outcome in told])
        holds = [np.nan if o.feasible is None else float(o.feasible) for o in told]
        self._feasible = np.append(self._feasible, holds)

    @property
    def count(self) -> int:
        """Trials learnt from."""
        return len(self._outcomes)

    @property
    def ready(self) -> bool:
        """Whether every objective that needs a model has some values to learn from."""
        there = np.isfinite(self._values[:, self._modelled]).sum(axis=0)
        return bool((there >= _LEAST).all())

    def front(self) -> list[tuple[int, Params]]:
        """Row and parameters of the trials on the front, by the first objective."""
        rows = self._front_rows(len(self._outcomes))
        return [(int(row), self._outcomes[row].params) for row in rows]

    def outlook(self, candidates: Candidates, awaited: Sequence[Params]) -> Outlook:
        """What each candidate is expected to be, and to add to the front.

        ``awaited`` are being evaluated: they count as finished with what the model predicts of
        them, so that another one is looked for (Ginsbourger et al. 2010).
        """
        pending = self._pool.describe(awaited)
        mean, believed = self._exact(candidates), self._exact(pending)
        deviation = np.zeros_like(mean)
        values = self._values.copy()
        for m in self._modelled:
            kernel, observations = self._kernel(m), self._observations(m, len(self._outcomes))
            warp = ShortfallWarp.of(observations.value)
            values[:, m] = warp(values[:, m])
            observations = replace(observations, value=warp(observations.value))
            model = QualityModel(kernel, observations)
            if awaited:
                believed[:, m] = model.predict(pending.features)[0]
                more = _final(pending.features, believed[:, m])
                model = QualityModel(kernel, observations.and_also(more))
            mean[:, m], deviation[:, m] = model.predict(candidates.features)
        if self._by_ratio:
            self._take_logarithms([values, mean, believed])
        front = values[self._front_rows(len(self._outcomes))]
        return Outlook(
            mean=mean,
            deviation=deviation,
            chance=self._chance(candidates),
            front=np.concatenate([front, believed]),
            reference=self._reference(values, mean),
        )

    # --- parts ----------------------------------------------------------------------------------

    def _exact(self, candidates: Candidates) -> Array:
        """Values (C, M) with the known ones filled in."""
        values = np.zeros((len(candidates.params), len(self._signs)))
        values[:, self._known] = candidates.costs * self._signs[self._known]
        return values

    def _take_logarithms(self, parts: Sequence[Array]) -> None:
        """Replace the known objectives of some (N, M) values by logarithms, all on one scale."""
        signs = self._signs[self._known]
        largest = np.fmax.reduce(np.concatenate(parts)[:, self._known] * signs, axis=0, initial=0)
        floor = np.maximum(_FLOOR * largest, np.finfo(float).tiny)
        for values in parts:
            costs = np.maximum(values[:, self._known] * signs, 0.0)
            values[:, self._known] = signs * np.log(costs + floor)

    def _front_rows(self, count: int) -> Rows:
        """Rows of the first ``count`` outcomes that are feasible and not dominated."""
        rows = np.flatnonzero(self._on_front[:count])
        return rows[non_dominated_rows(self._values[rows])]

    def _reference(self, values: Array, mean: Array) -> Array:
        """The worst that still counts: of known costs among all, of others as observed."""
        reference = np.empty(len(self._signs))
        for m in range(len(self._signs)):
            seen = values[:, m][np.isfinite(values[:, m])]
            worst = seen.max(initial=-np.inf)
            if m in self._known:
                reference[m] = max(worst, mean[:, m].max())
            else:
                reference[m] = worst + _MARGIN * (worst - seen.min())
        return reference

    def _chance(self, candidates: Candidates) -> Array:
        """How likely constraints hold, from trials for which they did and did not."""
        judged = self._feasible[np.isfinite(self._feasible)]
        if judged.all() or len(judged) < _LEAST:
            return np.ones(len(candidates.params))
        observations = self._observations(_FEASIBLE, len(self._outcomes))
        mean, deviation = QualityModel(self._kernel(_FEASIBLE), observations).predict(
            candidates.features
        )
        chance: Array = torch.special.ndtr(torch.from_numpy((mean - 0.5) / deviation)).numpy()
        return chance

    def _kernel(self, objective: int) -> Kernel:
        """The kernel fitted to the first trials; their number grows in fixed steps.

        So it is the same however often the study was stopped.
        """
        count = _fitted_at(len(self._outcomes))
        known = self._kernels.get(objective)
        if known is None or known[0] != count:
            observations = self._observations(objective, count, _MOST_FITTED)
            if len(observations.value) < _LEAST:
                count = len(self._outcomes)
                observations = self._observations(objective, count, _MOST_FITTED)
            if objective != _FEASIBLE:
                warp = ShortfallWarp.of(observations.value)
                observations = replace(observations, value=warp(observations.value))
            known = (count, fit(observations, self._pool.features.layout))
            self._kernels[objective] = known
        return known[1]

    def _observations(self, objective: int, count: int, most: int = _MOST_USED) -> Observations:
        """What the first ``count`` outcomes say of an objective, from the ``most`` telling ones."""
        if objective == _FEASIBLE:
            judged = np.flatnonzero(np.isfinite(self._feasible[:count]))
            judged = judged[:: max(1, -(-len(judged) // most))]
            return _final(self.features[judged], self._feasible[judged])
        rows = self._telling(objective, count, most)
        if objective > 0 or not any(self._outcomes[i].rungs for i in rows):
            return _final(self.features[rows], self._values[rows, objective])
        return self._staged(rows)

    def _staged(self, rows: Rows) -> Observations:
        """All qualities of trials, early ones moved to the scale of final ones."""
        last = max((max(self._outcomes[i].rungs, default=0.0) for i in rows), default=0.0)
        rungs = [_rungs(self._outcomes[i], last) for i in rows]
        stage = stages(rungs)
        told = [
            (row, stage[rung], value)
            for row, values in zip(rows, aligned(rungs), strict=True)
            for rung, value in values.items()
        ]
        return Observations(
            features=self.features[[row for row, _, _ in told]].astype(float),
            stage=np.array([at for _, at, _ in told]),
            value=np.array([value for _, _, value in told]),
        )

    def _telling(self, objective: int, count: int, most: int) -> Rows:
        """Trials to learn from, with at most so many values: all, if they have no more.

        Else half of them are near the front, a quarter is new, and the rest is spread over all.
        """
        rows = np.flatnonzero(np.isfinite(self._values[:count, objective]))
        if self._sizes[rows].sum() <= most:
            return rows
        near = rows[np.argsort(self._behind(rows, count), kind="stable")]
        places = (np.arange(len(rows)) * _GOLDEN % 1 * len(rows)).astype(np.intp)
        turns = zip(near[::2], near[1::2], rows[::-1], rows[places], strict=False)
        wanted = np.array(list(dict.fromkeys(chain.from_iterable(islice(turns, most)))))
        within = self._sizes[wanted].cumsum() <= most
        return np.sort(wanted[within])

    def _behind(self, rows: Rows, count: int) -> Array:
        """How much each trial is behind the front, in ranges of the objectives."""
        values = self._values[rows]
        span = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
        scale = np.where(span > 0, span, 1.0)
        front = self._values[self._front_rows(count)]
        behind = np.full(len(rows), np.inf)
        for point in front[:: max(1, -(-len(front) // _MOST_COMPARED))]:
            behind = np.minimum(behind, np.nanmax((values - point) / scale, axis=1))
        return behind


def _fitted_at(count: int) -> int:
    """The largest step of the schedule that is not beyond ``count``."""
    step = _LEAST
    while (following := max(step + 1, int(step * _GROWTH))) <= count:
        step = following
    return step


def _final(features: NDArray[np.floating], value: Array) -> Observations:
    return Observations(features=features.astype(float), stage=np.zeros(len(value)), value=value)


def _rungs(outcome: Outcome, last: float) -> dict[float, float]:
    """Qualities by rung, the final one at the last rung of all."""
    if outcome.values is None:
        return dict(outcome.rungs)
    own = max(outcome.rungs, default=last)
    early = {rung: value for rung, value in outcome.rungs.items() if rung < own}
    return early | {last: outcome.values[0]}
