"""An Optuna sampler for fronts of quality and cost where costs are known before evaluation."""

from __future__ import annotations

import math
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from studies.candidate_pool import CandidatePool, Candidates, Known, unless_missing
from studies.candidate_space import CandidateSpace, Params, Tried, Value
from studies.errors import UsageError
from studies.front_model import FrontModel
from studies.quality_model import squared_distance
from studies.seen_space import SeenSpace, draw
from studies.trial_history import Outcome, TrialHistory

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

#: Candidates that are spread over the space before a model chooses.
STARTUP = 4
#: Every so many trials one is of a choice that was tried less often than ``_OFTEN``.
_RARELY, _OFTEN = 4, 3
#: Steps of it modulo 1 fill the unit interval evenly.
_GOLDEN = (math.sqrt(5) - 1) / 2
#: More than any distance.
_FAR = 1e3
#: Share of the candidates that count as near to a wanted cost.
_NEAR = 0.08
#: Conditions of a space that shows itself are learnt anew after so many times more trials.
_GROWTH = 1.25
#: Trials that they are learnt from.
_MOST_SHOWN = 500
#: Where so many are evaluated at a time, two are chosen at once; three of twice as many, and so on:
#: each knows as little of how the others end, and who waits for a candidate learns nothing.
_AT_ONCE = 32
#: Candidates that each further one is chosen from.
_PER_CHOICE = 16
#: Of so many that are awaited one counts as ended, so that even the first have more to choose from.
_DRAWN_FOR = 8


class FrontSampler(optuna.samplers.BaseSampler):
    """Proposes the candidate that is expected to add most to the front; never one twice.

    Any number of objectives, in either direction. ``known`` gives objectives, by index, whose
    value is exact before evaluation, as the cost of a network is: only the others get a model.
    With ``by_ratio`` these are positive and count by their ratios, so that the cheap part of a
    front is worth as much as the dear one; far below the largest of them they hardly count.
    Candidates that are not ``feasible`` are never proposed; such that violate constraints set on
    trials are no part of the front, and a model learns from which trials held them how likely
    others do. Trials that run or wait count as tried. Intermediate values of a trial are earlier
    values of the first objective, by samples trained on, and the model learns from those of stopped
    trials too.

    ``space`` is what candidates are drawn from. Without one it is what the study's trials asked
    for, so that the very first trial is random and unchecked, and parameters may depend on others;
    where ``known`` or ``feasible`` then raise ``KeyError``, for want of a parameter, a candidate is
    left out.
    What is proposed follows from the seed and the study's trials, also with another sampler object
    of the same arguments; where more than 32 are evaluated at a time it depends on what this object
    saw, too, as some are chosen ahead. Where nothing new is found, as in a space that was tried
    out, parameters are drawn at random: only then a candidate comes twice.

    Raises ``UsageError`` for ``known`` objectives that a study has not.
    """

    def __init__(
        self,
        *,
        space: CandidateSpace | None = None,
        known: Mapping[int, Known] | None = None,
        feasible: Callable[[Params], bool] | None = None,
        by_ratio: bool = False,
        seed: int = 0,
    ) -> None:
        self._space, self._known, self._feasible = space, dict(known or {}), feasible
        self._by_ratio = by_ratio
        self._seed = seed
        self._lock = threading.RLock()
        self._search: _Search | None = None

    def __getstate__(self) -> dict[str, Any]:
        """The arguments: all else follows from the study."""
        names = ("_space", "_known", "_feasible", "_by_ratio", "_seed")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock, self._search = threading.RLock(), None

    def propose(self, study: optuna.Study) -> Params:
        """The candidate to try next, before there is a trial for it.

        Empty where there is nothing new.
        """
        with self._lock:
            search = self._searched(study)
            return search.propose(search.read(study, asking=None), remember=False)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All parameters there can be."""
        with self._lock:
            return self._searched(study).distributions(study, trial.number)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The candidate that is expected to add most; empty where there is nothing new."""
        if not search_space or trial.system_attrs.get("fixed_params"):
            return {}
        with self._lock:
            return dict(self._searched(study).propose(trial.number))

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Value:
        """A random value, for what no candidate holds."""
        rng = random.Random(f"{self._seed}/{trial.number}/{param_name}")
        return draw(param_distribution, rng)

    def _searched(self, study: optuna.Study) -> _Search:
        """What is known of a study; a sampler that is used for another one begins anew."""
        if self._search is None or not self._search.belongs_to(study):
            for index in self._known:
                if not 0 <= index < len(study.directions):
                    raise UsageError(
                        f"known objective {index}: the study has {len(study.directions)}, name "
                        f"them from 0 to {len(study.directions) - 1}"
                    )
            self._search = _Search(
                study, self._space, self._known, self._feasible, self._by_ratio, self._seed
            )
        return self._search


class _Search:
    """What a sampler knows of one study; all of it can be had again from its trials."""

    def __init__(
        self,
        study: optuna.Study,
        space: CandidateSpace | None,
        known: Mapping[int, Known],
        feasible: Callable[[Params], bool] | None,
        by_ratio: bool,
        seed: int,
    ) -> None:
        self._study = (study._storage, study._study_id)
        self._given, self._known, self._feasible, self._seed = space, known, feasible, seed
        if space is None:  # what is drawn may be as a trial that broke off
            self._known = {m: unless_missing(known[m], math.nan) for m in known}
            self._feasible = feasible and unless_missing(feasible, False)
        self._by_ratio = by_ratio
        self._signs = [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in study.directions]
        self._history = TrialHistory(study.directions)
        self._proposed: dict[int, Params] = {}
        self._view: _View | None = None

    def belongs_to(self, study: optuna.Study) -> bool:
        """Whether this is about a study."""
        return self._study == (study._storage, study._study_id)

    def distributions(self, study: optuna.Study, asking: int) -> dict[str, BaseDistribution]:
        """All parameters known so far, after reading what is new."""
        self.read(study, asking)
        if self._given is not None:
            return dict(self._given.distributions)
        return dict(self._history.distributions)

    def read(self, study: optuna.Study, asking: int | None) -> int:
        """Take in what is new, but for the trial that asks; returns how many trials there are."""
        trials = study.get_trials(deepcopy=False)
        self._history.read(trials, asking)
        return len(trials)

    def propose(self, asking: int, *, remember: bool = True) -> Params:
        """The next candidate; empty where nothing new is found.

        ``remember`` it until the trial that asks has all its parameters.
        """
        view = self._current_view()
        going_on = self._history.going_on
        self._proposed = {n: p for n, p in self._proposed.items() if n in going_on}
        awaited = [self._proposed.get(n) or params for n, params in going_on.items()]
        count = self._history.count_before(asking)
        ended = max(0, count - len(awaited))
        proposed = view.propose(count, ended, [params for params in awaited if params])
        if proposed and remember:
            self._proposed[asking] = proposed
        return proposed

    def _current_view(self) -> _View:
        """The space as it shows itself by now, with all that was learnt of it."""
        space = self._given or self._seen_space()
        if self._view is None or self._view.space != space:
            pool = CandidatePool(space, self._known, self._feasible, self._seed)
            known, signs = sorted(self._known), self._signs
            model = FrontModel(pool, known, signs, by_ratio=self._by_ratio)
            self._view = _View(space, pool, model, self._seed)
        self._view.learn(self._history.finished)
        return self._view

    def _seen_space(self) -> SeenSpace:
        finished = self._history.finished
        shown = 1
        while (following := max(shown + 1, int(shown * _GROWTH))) <= len(finished):
            shown = following
        lately = finished[max(0, shown - _MOST_SHOWN) : shown]
        return SeenSpace(self._history.distributions, [o.params for o in lately if o.params])


class _View:
    """A space, its candidates, and what finished trials say of them."""

    def __init__(
        self,
        space: CandidateSpace,
        pool: CandidatePool,
        model: FrontModel,
        seed: int,
    ) -> None:
        self.space = space
        self._pool, self._model, self._seed = pool, model, seed
        self._tried = Tried(space)
        #: How often each choice was tried, also by what failed or was refused: what can never be
        #: trained is not asked for again and again.
        self._times: Rows = np.zeros(len(pool.features.choices), dtype=np.intp)
        self._learnt = 0
        self._ahead: deque[Params] = deque()
        self._ended, self._choices, self._latest = 0, 0.0, 0

    def learn(self, finished: Sequence[Outcome]) -> None:
        """Take in the trials that have ended since."""
        new = finished[self._learnt :]
        self._learnt = len(finished)
        for outcome in new:
            whole = not outcome.failed
            if self._tried.add(outcome.params, whole=whole):
                self._times += self._pool.features.taken(outcome.params, whole=whole)
        self._model.learn(new)

    def propose(self, count: int, ended: int, awaited: Sequence[Params]) -> Params:
        """The best candidate that is new after ``count`` trials; empty where there is none.

        ``ended`` of them are no longer ``awaited``.
        """
        going_on = Tried(self.space)
        others = [p for p in awaited if going_on.add(p, whole=False) and not self._tried.has(p)]

        def is_new(params: Params) -> bool:
            return params not in self._tried and params not in going_on

        if (
            len(awaited) < _AT_ONCE
        ):  # as at the begin of a round: what is proposed follows from trials
            self._ahead.clear()
        while self._ahead:
            params = self._ahead.popleft()
            if is_new(params):
                return params
        candidates = self._pool.candidates(self._model.front(), self._drawn(ended, len(awaited)))
        chosen = self._chosen(candidates, awaited, others, count, is_new)
        self._ahead.extend(chosen[1:])
        return chosen[0] if chosen else next(filter(is_new, self._pool.spare(count)), {})

    def _drawn(self, ended: int, awaited: int) -> int:
        """Trials that the pool is drawn for.

        Where many are awaited it changes as much with a choice as else with a trial, and does not
        go back, or what was drawn would be drawn again.
        """
        if awaited < _AT_ONCE:
            self._choices = self._latest = ended
        else:
            self._choices += (ended - self._ended) / (1 + awaited // _AT_ONCE)
            self._latest = max(self._latest, int(self._choices) + awaited // _DRAWN_FOR)
        self._ended = ended
        return self._latest

    def _chosen(
        self,
        candidates: Candidates,
        awaited: Sequence[Params],
        others: Sequence[Params],
        count: int,
        is_new: Callable[[Params], bool],
    ) -> list[Params]:
        """The most promising new candidate, and more of them where many are awaited.

        ``others`` are the awaited ones that nobody tried before, each once.
        """
        if not candidates.params:
            return []
        order = np.random.default_rng([self._seed, count]).permutation(len(candidates.params))
        outlook = None
        if self._model.ready and self._model.count + len(awaited) >= STARTUP:
            outlook = self._model.outlook(candidates, awaited)
        score = outlook.growth() if outlook else self._novelty(candidates, awaited, count)
        first = np.zeros(len(score), dtype=bool)
        if outlook and (len(self._tried) + len(others)) % _RARELY == 0:
            first = self._rare(candidates, others, is_new)
        places = order[np.lexsort((-score[order], ~first[order]))]
        new = (place for place in places if is_new(candidates.params[place]))
        more = len(awaited) // _AT_ONCE
        if outlook and more:
            several = islice(new, (1 + more) * _PER_CHOICE)
            # the pool may hold a candidate twice
            once = {self.space.key(candidates.params[place]): place for place in several}
            promising = np.array(list(once.values()), dtype=np.intp)
            return [
                candidates.params[place]
                for place in promising[outlook.of(promising).greedy(1 + more)]
            ]
        return [candidates.params[place] for place in islice(new, 1)]

    def _rare(
        self, candidates: Candidates, others: Sequence[Params], is_new: Callable[[Params], bool]
    ) -> NDArray[np.bool_]:
        """Which candidates have the choice that was tried least, if that is not often.

        That is the one furthest behind an even share of the trials: of two kinds of decoder one
        that came once, before a ratio of four that did. A model judges a choice by where it was
        taken: what did badly once, in a network that was bad for other reasons, might never come
        again.
        """
        features = self._pool.features
        times = self._times + sum(features.taken(params, whole=False) for params in others)
        share = np.where(times < _OFTEN, times * features.choices_beside, np.inf)
        there = candidates.features[:, features.choices] > 0
        least = np.where(there, share, np.inf).min(axis=1, initial=np.inf)
        for place in np.flatnonzero(np.isfinite(least)):
            if not is_new(candidates.params[place]):
                least[place] = np.inf
        rare: NDArray[np.bool_] = np.isfinite(least) & (least == least.min(initial=np.inf))
        return rare

    def _novelty(self, candidates: Candidates, awaited: Sequence[Params], count: int) -> Array:
        """Distance from all that was tried, among those near to a cost that moves evenly."""
        tried = np.concatenate([self._model.features, self._pool.describe(awaited).features])
        weights = np.exp(self._pool.features.layout.ties @ self._pool.features.layout.mean)
        apart = squared_distance(candidates.features, tried, weights)
        score: Array = apart.min(axis=1, initial=_FAR)
        if candidates.costs.shape[1]:
            rank = candidates.costs[:, 0].argsort(kind="stable").argsort() / len(score)
            wanted = ((count + 0.5) * _GOLDEN) % 1
            score = np.where(np.abs(rank - wanted) <= _NEAR / 2, score + _FAR, score)
        return score
