"""Candidates to choose from: draws that change slowly, and the neighbours of the front."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from studies.candidate_features import CandidateFeatures
from studies.candidate_space import CandidateSpace, Params

Array = NDArray[np.float64]
#: A value that is exact before a candidate is evaluated.
Known = Callable[[Params], float]
T = TypeVar("T")
Draw = Callable[[random.Random], Params]

#: Draws of a block, blocks at a time, and trials after which the oldest block is replaced.
_BLOCK, _BLOCKS, _RENEWAL = 100, 15, 2
#: After so many trials all is replaced ever more slowly, with the logarithm of their number: what
#: one of them adds to what is known shrinks, and the cost of a large network takes 2 ms to count.
_SETTLED = 60
#: Draws that set the scale of costs, and trials for which they are candidates: costs of large
#: networks are slow to count, so one block is added every two trials, and the first does not wait.
_FIRST, _FIRST_TRIALS = 200, 30
#: Neighbours of a front's member, trials after which they are drawn anew, and members with some.
_NEIGHBOURS, _NEIGHBOURS_RENEWAL, _MEMBERS = 32, 10, 24
#: Steps of it modulo 1 fill the unit interval evenly.
_GOLDEN = (math.sqrt(5) - 1) / 2
#: Draws for each candidate that is wanted, where few are feasible.
_MOST_DRAWS = 20


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Parameters of C candidates, their known costs (C, K) and features (C, P)."""

    params: list[Params]
    costs: Array
    features: Array


class CandidatePool:
    """Feasible candidates of a space; which ones follows from the seed and the count of trials.

    What is drawn is kept while it is in use, so that a trial pays for few new candidates: of the
    first ones 50 draws and three neighbours of each member of the front, of the thousandth three
    and a fifth of one.
    """

    def __init__(
        self,
        space: CandidateSpace,
        known: Mapping[int, Known],
        feasible: Callable[[Params], bool] | None,
        seed: int,
    ) -> None:
        self._space, self._feasible, self._seed = space, feasible, seed
        self._known = [known[index] for index in sorted(known)]
        self._kept: dict[str, Candidates] = {}
        # a small space can name all it has; it is no part of the protocol
        everything = getattr(space, "everything", lambda: None)()
        if everything is not None:
            first = [params for params in everything if self._allows(params)]
        else:
            first = self._draws("first", space.sample, _FIRST)
        costs = self._costs(first)
        self.features = CandidateFeatures(space.distributions, costs)
        self._first = self._described(first, costs)
        self._is_whole = everything is not None

    def describe(self, params: Sequence[Params]) -> Candidates:
        """Costs and features of what trials asked for, also if a cost is not a number."""
        so_far = [unless_missing(known, math.nan) for known in self._known]
        return self._candidates(list(params), _rows(so_far, params))

    def candidates(self, front: Sequence[tuple[int, Params]], count: int) -> Candidates:
        """What to choose from after ``count`` trials or choices; empty where nothing is feasible.

        ``front`` is each member's place, which stays the same, with its parameters.
        """
        if self._is_whole:
            return self._first
        kept = {"first": self._first} if count < _FIRST_TRIALS else {}
        for name, (draw, wanted) in self._wanted(front, count).items():
            kept[name] = self._kept.get(name) or self._drawn(name, draw, wanted)
        self._kept = kept
        return Candidates(
            params=[params for part in kept.values() for params in part.params],
            costs=np.concatenate([part.costs for part in kept.values()]),
            features=np.concatenate([part.features for part in kept.values()]),
        )

    def _wanted(
        self, front: Sequence[tuple[int, Params]], count: int
    ) -> dict[str, tuple[Draw, int]]:
        """What is to be drawn, by name; the name is the seed."""
        slowed = _slowed(count)
        oldest = int(slowed / _RENEWAL)
        blocks = min(_BLOCKS, math.ceil(count / _RENEWAL))
        wanted: dict[str, tuple[Draw, int]] = {
            f"block {block}": (self._space.sample, _BLOCK)
            for block in range(oldest, oldest + blocks)
        }
        period = int(slowed / _NEIGHBOURS_RENEWAL)
        for number, params in _some(front, period):
            beside = partial(self._space.mutate, params)
            wanted[f"near {number} in {period}"] = (beside, _NEIGHBOURS)
        return wanted

    def spare(self, count: int) -> Iterator[Params]:
        """Some more feasible draws, for when all others were tried."""
        yield from self._draws(f"spare {count}", self._space.sample, _BLOCK)

    def _draws(self, name: str, draw: Draw, wanted: int) -> list[Params]:
        """Different feasible draws, as many as are wanted if enough are found.

        Where few draws are feasible, neighbours of those help. Parameters are compared, which is
        cheaper than the space's key: a candidate that is there twice does no harm.
        """
        rng = random.Random(f"{self._seed}/{name}")
        found: dict[object, Params] = {}
        for attempt in range(wanted * _MOST_DRAWS):
            if len(found) >= wanted or (attempt >= 2 * wanted and len(found) >= wanted // 2):
                break
            if attempt >= 2 * wanted and attempt % 2 and found:
                params: Params = self._space.mutate(rng.choice(list(found.values())), rng)
            else:
                params = draw(rng)
            key = tuple(sorted(params.items()))
            if key not in found and self._allows(params):
                found[key] = params
        return list(found.values())

    def _allows(self, params: Params) -> bool:
        return self._feasible is None or self._feasible(params)

    def _drawn(self, name: str, draw: Draw, wanted: int) -> Candidates:
        params = self._draws(name, draw, wanted)
        return self._described(params, self._costs(params))

    def _described(self, params: Sequence[Params], costs: Array) -> Candidates:
        """Those of candidates whose costs are numbers."""
        there: NDArray[np.bool_] = np.asarray(np.isfinite(costs).all(axis=1))
        kept = [p for p, finite in zip(params, there, strict=True) if finite]
        return self._candidates(kept, costs[there])

    def _costs(self, params: Sequence[Params]) -> Array:
        return _rows(self._known, params)

    def _candidates(self, params: list[Params], costs: Array) -> Candidates:
        return Candidates(params=params, costs=costs, features=self.features.encode(params, costs))


def _rows(known: Sequence[Known], params: Sequence[Params]) -> Array:
    """Costs (C, K)."""
    values = [[cost(p) for cost in known] for p in params]
    return np.array(values, dtype=float).reshape(len(params), len(known))


def unless_missing(function: Callable[[Params], T], otherwise: T) -> Callable[[Params], T]:
    """A function that has a value also where a parameter it needs is missing.

    One is of a trial that broke off, or asks, and of what a space draws that learnt from such.
    """

    def asked(params: Params) -> T:
        try:
            return function(params)
        except KeyError:
            return otherwise

    return asked


def _some(front: Sequence[tuple[int, Params]], period: int) -> Sequence[tuple[int, Params]]:
    """Members whose neighbours are drawn: both ends, and others, which change with the period.

    A new one takes the place of one at most.
    """
    if len(front) <= _MEMBERS:
        return front
    between = sorted(front[1:-1], key=lambda member: (member[0] + period) * _GOLDEN % 1)
    return [front[0], front[-1], *between[: _MEMBERS - 2]]


def _slowed(count: int) -> float:
    """A count of trials that goes on with its logarithm once there are many."""
    return count if count < _SETTLED else _SETTLED * (1 + math.log(count / _SETTLED))
