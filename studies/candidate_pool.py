"""Candidates to choose from: draws from the space that change slowly, and the front's neighbours."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studies.candidate_features import CandidateFeatures
from studies.candidate_space import CandidateSpace, Params

Array = NDArray[np.float64]
#: A value that is exact before a candidate is evaluated.
Known = Callable[[Params], float]

#: Draws of a block, blocks at a time, and trials after which the oldest block is replaced.
_BLOCK, _BLOCKS, _RENEWAL = 500, 3, 25
#: Neighbours of a front's member, and members that get some.
_NEIGHBOURS, _MEMBERS = 32, 40
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

    What is drawn is kept while it is in use, so that a trial pays for few new candidates: 60 draws
    and, where the front changed, 32 neighbours of each new member.
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
        everything = getattr(space, "everything", lambda: None)()
        self._everything = everything is not None
        first = (
            [params for params in everything if self._allows(params)]
            if self._everything
            else self._draws("block 0", space.sample, _BLOCK)
        )
        costs = self._costs(first)
        self.features = CandidateFeatures(space.distributions, costs)
        self._first = self._described(first, costs)

    def describe(self, params: Sequence[Params]) -> Candidates:
        """Costs and features of given candidates."""
        return self._described(list(params), self._costs(params))

    def candidates(self, front: Sequence[tuple[int, Params]], count: int) -> Candidates:
        """What to choose from after ``count`` trials; ``front`` is trial numbers with parameters.

        Empty where no draw was feasible.
        """
        if self._everything:
            return self._first
        period = count // _RENEWAL
        newest = max(period, _BLOCKS - 1)
        blocks = range(newest - _BLOCKS + 1, newest + 1)
        wanted = {
            f"block {b}": lambda b=b: self._draws(f"block {b}", self._space.sample, _BLOCK)
            for b in blocks
            if b > 0
        }
        step = max(1, -(-len(front) // _MEMBERS))
        for number, params in front[::step]:
            name = f"near {number} in {period}"
            wanted[name] = lambda name=name, params=params: self._draws(
                name, lambda rng: self._space.mutate(params, rng), _NEIGHBOURS
            )
        kept = {}
        for name, draws in wanted.items():
            kept[name] = self._kept[name] if name in self._kept else self.describe(draws())
        self._kept = kept
        parts = [*([self._first] if blocks[0] == 0 else []), *kept.values()]
        return Candidates(
            params=[params for part in parts for params in part.params],
            costs=np.concatenate([part.costs for part in parts]),
            features=np.concatenate([part.features for part in parts]),
        )

    def spare(self, count: int) -> Iterator[Params]:
        """Some more feasible draws, for when all others were tried."""
        yield from self._draws(f"spare {count}", self._space.sample, _BLOCK)

    def _draws(
        self, name: str, draw: Callable[[random.Random], Params], wanted: int
    ) -> list[Params]:
        """Different feasible draws, as many as are wanted if enough are feasible."""
        rng = random.Random(f"{self._seed}/{name}")
        found: dict[object, Params] = {}
        for attempt in range(wanted * _MOST_DRAWS):
            if len(found) >= wanted or (attempt >= 2 * wanted and len(found) >= wanted // 2):
                break
            params = draw(rng)
            key = self._space.key(params)
            if key not in found and self._allows(params):
                found[key] = params
        return list(found.values())

    def _allows(self, params: Params) -> bool:
        return self._feasible is None or self._feasible(params)

    def _costs(self, params: Sequence[Params]) -> Array:
        values = [[known(p) for known in self._known] for p in params]
        return np.array(values, dtype=float).reshape(len(params), len(self._known))

    def _described(self, params: list[Params], costs: Array) -> Candidates:
        return Candidates(params=params, costs=costs, features=self.features.encode(params, costs))
