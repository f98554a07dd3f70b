"""A space of candidates as a define-by-run study shows it: what its trials asked for."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Hashable, Mapping, Sequence

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from studies.candidate_space import Params, Value

#: How far a number moves, as a share of its range.
_REACH = 0.15
_MOST_ENUMERATED = 2000
_MOST_TRIES = 20


class SeenSpace:
    """The union of the distributions that trials used, in the order in which they were asked for.

    A parameter that some trials lack is conditional. Where one other parameter, asked for before
    it, tells in every trial whether it was there, candidates leave it out alike; otherwise they
    always hold it, which does no harm.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution], shown: Sequence[Params]):
        self.distributions = dict(distributions)
        self._conditions = {
            name: condition
            for name in self.distributions
            if (condition := self._condition(name, shown)) is not None
        }

    def __eq__(self, other: object) -> bool:
        """Whether another space has the same parameters on the same conditions."""
        return isinstance(other, SeenSpace) and (self.distributions, self._conditions) == (
            other.distributions,
            other._conditions,
        )

    __hash__ = None  # type: ignore[assignment]

    def sample(self, rng: random.Random) -> dict[str, Value]:
        """A random candidate, every parameter uniform in its range or its logarithm."""
        return self._used({name: draw(d, rng) for name, d in self.distributions.items()})

    def mutate(self, params: Params, rng: random.Random) -> dict[str, Value]:
        """A candidate that differs in one or two of the parameters in use, where any can."""
        known = {n: v for n, v in params.items() if n in self.distributions}
        movable = [n for n in known if not self.distributions[n].single()]
        changed = {n: draw(d, rng) for n, d in self.distributions.items()} | known
        for name in rng.sample(movable, min(len(movable), rng.choice((1, 1, 2)))):
            changed[name] = _moved(self.distributions[name], known[name], rng)
        return self._used(changed)

    def key(self, params: Params) -> Hashable:
        """The parameters themselves."""
        return tuple(params.get(name, _ABSENT) for name in self.distributions)

    def everything(self) -> list[dict[str, Value]] | None:
        """All candidates of a small space, None where there are more than some thousands."""
        choices = [levels(distribution) for distribution in self.distributions.values()]
        if any(c is None for c in choices):
            return None
        if math.prod(len(c) for c in choices if c is not None) > _MOST_ENUMERATED:
            return None
        every = itertools.product(*(c for c in choices if c is not None))
        used = (self._used(dict(zip(self.distributions, values, strict=True))) for values in every)
        return list({self.key(params): params for params in used}.values())

    def _used(self, params: Params) -> dict[str, Value]:
        """Without what the conditions say is not asked for."""
        used: dict[str, Value] = {}
        for name in self.distributions:
            condition = self._conditions.get(name)
            if condition is None or (used.get(condition[0], _ABSENT) not in condition[1]):
                used[name] = params[name]
        return used

    def _condition(self, name: str, shown: Sequence[Params]) -> tuple[str, frozenset[Value]] | None:
        """An earlier parameter, and its values with which this one is never asked for."""
        if all(name in params for params in shown):
            return None
        for other in itertools.takewhile(lambda n: n != name, self.distributions):
            if levels(self.distributions[other]) is None:
                continue
            there = {params.get(other, _ABSENT) for params in shown if name in params}
            lacking = {params.get(other, _ABSENT) for params in shown if name not in params}
            if not there & lacking:
                return other, frozenset(lacking)
        return None


#: Stands for the value of a parameter that is not asked for.
_ABSENT = "\0absent"


def levels(distribution: BaseDistribution) -> tuple[Value, ...] | None:
    """The values that a parameter can take, None if they are too many or not to be counted."""
    if isinstance(distribution, CategoricalDistribution):
        return tuple(distribution.choices)
    if not isinstance(distribution, IntDistribution | FloatDistribution) or not distribution.step:
        return None
    count = round((distribution.high - distribution.low) / distribution.step) + 1
    if count > _MOST_ENUMERATED:
        return None
    return tuple(distribution.low + i * distribution.step for i in range(count))


def draw(distribution: BaseDistribution, rng: random.Random) -> Value:
    """A random value of a distribution; raises ``NotImplementedError`` for an unknown kind."""
    if isinstance(distribution, CategoricalDistribution):
        return rng.choice(distribution.choices)
    return from_unit(distribution, rng.random())


def to_unit(distribution: BaseDistribution, value: Value) -> float:
    """Where a number lies in its range, or in the logarithm of it, from 0 to 1."""
    low, high = _bounds(distribution)
    number = float(value)  # type: ignore[arg-type]
    if getattr(distribution, "log", False):
        low, high, number = math.log(low), math.log(high), math.log(max(number, 1e-300))
    return min(max((number - low) / (high - low), 0.0), 1.0) if high > low else 0.5


def from_unit(distribution: BaseDistribution, unit: float) -> Value:
    """The number at a place in its range, on the grid where there is one."""
    low, high = _bounds(distribution)
    if getattr(distribution, "log", False):
        low, high = math.log(low), math.log(high)
    if isinstance(distribution, IntDistribution):
        if distribution.log:
            return min(
                max(round(math.exp(low + unit * (high - low))), distribution.low), distribution.high
            )
        count = (distribution.high - distribution.low) // distribution.step + 1
        return distribution.low + min(int(unit * count), count - 1) * distribution.step
    assert isinstance(distribution, FloatDistribution)
    if distribution.step is not None:
        count = round((high - low) / distribution.step) + 1
        return float(low + min(int(unit * count), count - 1) * distribution.step)
    value = low + unit * (high - low)
    value = math.exp(value) if distribution.log else value
    return min(max(value, distribution.low), distribution.high)


def _bounds(distribution: BaseDistribution) -> tuple[float, float]:
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return float(distribution.low), float(distribution.high)


def _moved(distribution: BaseDistribution, value: Value, rng: random.Random) -> Value:
    """Another value: a near one for numbers, half of the time."""
    for _ in range(_MOST_TRIES):
        if isinstance(distribution, CategoricalDistribution) or rng.random() < 0.5:
            moved = draw(distribution, rng)
        else:
            unit = to_unit(distribution, value) + rng.gauss(0, _REACH)
            moved = from_unit(distribution, min(max(unit, 0.0), 1.0))
        if moved != value:
            return moved
    return value
