"""Where a cheap score misleads: groups of networks that it judges better or worse than it should.

A cheap score, such as that of a network with inherited weights, need not agree with the trained
value; it must not favour networks for something other than what they reach. So networks that
are equally good once trained are compared: if their cheap scores still depend on a parameter,
the score misleads on that parameter's axis. (The other way round, at equal cheap scores, would
give false alarms: whatever makes networks better also tells of the score's own noise.)
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search_spaces.axes import NONE, Choice
from studies.agreement import mean_ranks
from studies.ranking import Array

Parameters = Mapping[str, Choice]

#: With fewer networks nothing is said, and none of a group of fewer, or that all but fewer are in.
LEAST_NETWORKS, _LEAST_GROUP = 12, 3
#: At most so many places at which a number's range is cut.
_MOST_CUTS = 3


@dataclass(frozen=True, kw_only=True)
class Group:
    """Networks whose parameter has one value, or a number from ``low`` to below ``high``.

    A parameter with a ``*`` stands for that of all tasks together: the mean of numbers, or how
    many words are not none.
    """

    parameter: str
    value: str | None = None
    low: float = -math.inf
    high: float = math.inf

    def holds(self, parameters: Parameters) -> bool:
        """Whether a network is in the group; not if it has no such parameter."""
        return self.has(_read(parameters, self.parameter))

    def has(self, value: Choice | None) -> bool:
        """Whether a value of the parameter is the group's."""
        if isinstance(value, str):
            return value == self.value
        return value is not None and self.value is None and self.low <= value < self.high

    def __str__(self) -> str:
        if self.value is not None:
            return f"{self.parameter} {self.value}"
        bound = f"from {self.low:g}" if self.low > -math.inf else f"below {self.high:g}"
        return f"{self.parameter} {bound}"


@dataclass(frozen=True, kw_only=True)
class MisleadingAxis:
    """An axis on which the cheap score misleads, with the group that it misjudges most.

    ``residual`` is by how much more the group ends above what its cheap scores stand for than
    the other networks with that parameter do, in the objective's unit: above 0 it is better than
    it looked. ``p`` is corrected for the number of axes; ``networks`` were compared.
    """

    axis: str
    group: Group
    residual: float
    p: float
    networks: int

    def sentence(self, unit: str = "") -> str:
        """For people, in one line."""
        way = "better" if self.residual > 0 else "worse"
        return (
            f"inherited weights mislead on {self.axis}: networks with {self.group} end "
            f"{abs(self.residual):.2g}{unit and ' ' + unit} {way} than their first score says "
            f"(p = {self.p:.2g}, {self.networks} networks): these are trained before they are "
            "judged"
        )


def misleading_axes(
    parameters: Sequence[Parameters],
    cheap: Array,
    trained: Array,
    *,
    rng: np.random.Generator,
    seed_sd: float = 0.0,
    level: float = 0.02,
    permutations: int = 1999,
) -> tuple[MisleadingAxis, ...]:
    """The axes on which a cheap score misleads, most certain first; empty below 12 networks.

    ``parameters`` are those of (N,) networks, ``cheap`` and ``trained`` their scores (N,), higher
    is better, any two monotone scales. ``seed_sd`` is the standard deviation of ``trained``
    between seeds, where it is known. For each axis, a permutation test of the largest difference
    of any group from the others; Holm's correction over the axes at ``level``: so many studies
    in which nothing misleads get a false alarm. Networks chosen by their cheap score blur the
    comparison: some should be trained whatever it was.
    """
    if len(parameters) < LEAST_NETWORKS:
        return ()
    residuals = _residuals(cheap, trained, seed_sd)
    shuffled = rng.permuted(np.tile(residuals, (permutations, 1)), axis=1)  # (P, N)
    tested = []
    for axis, compared in _compared(parameters).items():
        weights = np.array([c.weights for c in compared])  # (G, N)
        observed = weights @ residuals  # (G,)
        largest = np.abs(weights @ shuffled.T).max(axis=0)  # (P,)
        chosen = _most_extreme(observed, compared)
        p = (1 + (largest >= abs(observed[chosen]) - 1e-12).sum()) / (permutations + 1)
        difference = float(observed[chosen]) * compared[chosen].error
        tested.append((float(p), axis, compared[chosen].group, difference))
    found, least = [], 0.0
    for index, (p, axis, group, residual) in enumerate(sorted(tested, key=lambda t: t[:2])):
        least = max(least, min(1.0, p * (len(tested) - index)))
        if least <= level:
            found.append(
                MisleadingAxis(
                    axis=axis, group=group, residual=residual, p=least, networks=len(parameters)
                )
            )
    return tuple(found)


def distrusted(parameters: Parameters, misleading: Sequence[MisleadingAxis]) -> bool:
    """Whether a candidate is in a group that the cheap score misjudges: train it, then judge."""
    return any(axis.group.holds(parameters) for axis in misleading)


def _residuals(cheap: Array, trained: Array, seed_sd: float) -> Array:
    """By how much each network ends better than it looked, in the unit of ``trained``; sums to 0.

    Each cheap score stands for the trained value of the same rank. From that, what follows from
    the trained value itself is taken away by a line, whose slope is corrected for the noise
    between seeds (errors in variables, Fuller 1987, section 1.1).
    """
    ranks = np.arange(1, len(trained) + 1)
    stands_for = np.interp(mean_ranks(cheap), ranks, np.sort(trained))
    stands_for = stands_for - stands_for.mean()
    centred = trained - trained.mean()
    spread = (centred**2).mean()
    if not spread:
        return np.zeros(len(trained))
    slope = (stands_for * centred).mean() / max(spread - seed_sd**2, spread / 4)
    return np.asarray(min(max(slope, 0.0), 1.0) * centred - stands_for)


# --- groups -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """A group of ``size`` against the others that have its parameter.

    ``weights`` (N,) of residuals give the difference of the two means over its standard error
    ``error``, both for residuals of standard deviation 1. Networks without the parameter weigh
    nothing: whether they have it is decided on another axis.
    """

    group: Group
    size: int
    weights: Array
    error: float


def _compared(parameters: Sequence[Parameters]) -> dict[str, list[_Compared]]:
    """What can be compared on each axis: the first part of a parameter's name."""
    by_axis: dict[str, list[_Compared]] = defaultdict(list)
    for name in _names(parameters):
        values = [_read(p, name) for p in parameters]
        having = np.array([value is not None for value in values])
        for group in _groups_of(name, values):
            inside = np.array([group.has(value) for value in values])
            size, others = int(inside.sum()), int((having & ~inside).sum())
            if min(size, others) >= _LEAST_GROUP:
                error = math.sqrt(1 / size + 1 / others)
                weights = np.where(inside, 1 / size, np.where(having, -1 / others, 0.0)) / error
                compared = _Compared(group=group, size=size, weights=weights, error=error)
                by_axis[name.partition(".")[0]].append(compared)
    return dict(by_axis)


def _most_extreme(observed: Array, compared: Sequence[_Compared]) -> int:
    """Index of the group farthest from the others; of two sides of a cut the smaller one.

    Of two sides of the same size the one that ends better than it looked.
    """
    return min(
        range(len(compared)),
        key=lambda i: (-round(abs(float(observed[i])), 9), compared[i].size, -observed[i]),
    )


def _names(parameters: Sequence[Parameters]) -> list[str]:
    """The parameters to compare; those of several tasks together where their values allow it.

    ``axis.*.rest`` takes the place of an axis's same parameter for each task: a difference must
    exceed the largest by chance, and that grows with the number of groups. ``axis.*`` comes
    beside them where an axis holds nothing but shares.
    """
    seen: dict[str, set[Choice]] = defaultdict(set)
    for name, value in (item for p in parameters for item in p.items()):
        seen[name].add(value)
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted(seen):
        if name.count(".") == 2:
            axis, _, rest = name.split(".")
            alike[f"{axis}.*.{rest}"].append(name)
            alike[f"{axis}.*"].append(name)
    together = {
        pattern: names
        for pattern, names in alike.items()
        if len(names) > 1
        and _belong_together(
            set[Choice]().union(*(seen[name] for name in names)), shares=pattern.endswith("*")
        )
    }
    alone = seen.keys() - {name for names in together.values() for name in names}
    return sorted(alone) + list(together)


def _belong_together(values: set[Choice], *, shares: bool) -> bool:
    if shares:
        return all(isinstance(value, float) for value in values)
    return NONE in values or not any(isinstance(value, str) for value in values)


def _groups_of(name: str, values: Sequence[Choice | None]) -> Iterator[Group]:
    """One for each word, and both sides of each cut through the numbers."""
    numbers = [float(v) for v in values if isinstance(v, int | float)]
    words = sorted({v for v in values if isinstance(v, str)})
    cuts = np.unique(numbers)[1:]
    if len(cuts) > _MOST_CUTS:
        shares = np.arange(1, _MOST_CUTS + 1) / (_MOST_CUTS + 1)
        cuts = np.unique(np.quantile(numbers, shares, method="higher"))
    for cut in cuts.tolist():
        yield Group(parameter=name, low=cut)
        yield Group(parameter=name, high=cut)
    for word in words:
        yield Group(parameter=name, value=word)


def _read(parameters: Parameters, name: str) -> Choice | None:
    """A network's value of a parameter, None where it has none."""
    if "*" not in name:
        return parameters.get(name)
    start, _, end = name.partition("*")
    values = [v for n, v in parameters.items() if n.startswith(start) and n.endswith(end)]
    if any(isinstance(value, str) for value in values):
        return sum(value != NONE for value in values)
    return sum(map(float, values)) / len(values) if values else None
