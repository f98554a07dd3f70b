"""How far two scores order the same networks alike, and how far they could at best."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from studies.ranking import Array

Measure = Callable[[Array, Array], float]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """A rank correlation with the bounds of its bootstrap interval; 1 is the same order."""

    value: float
    low: float
    high: float


def kendall_tau(x: Array, y: Array) -> float:
    """Kendall's tau-b of two scores of (N,) networks: 1 the same order, -1 the opposite.

    Pairs that are tied in either score count for neither side (Kendall 1945). NaN where a score
    is the same for all networks. O(N²).
    """
    first, second = (np.sign(np.subtract.outer(s, s)) for s in (x, y))
    untied = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / untied) if untied else float("nan")


def spearman_rho(x: Array, y: Array) -> float:
    """Spearman's rho of two scores of (N,) networks: the correlation of their mean ranks.

    NaN where a score is the same for all networks.
    """
    first, second = (mean_ranks(s) - (len(s) + 1) / 2 for s in (x, y))
    untied = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / untied) if untied else float("nan")


def mean_ranks(scores: Array) -> Array:
    """Ranks of (N,) scores from 1 for the lowest; tied ones share the mean of theirs."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place]


def agreement(
    x: Array,
    y: Array,
    *,
    measure: Measure = kendall_tau,
    rng: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Agreement:
    """How far two scores of (N,) networks agree, with a percentile bootstrap over networks.

    An interval says nothing with few networks: below 10 it is far too narrow.
    """
    drawn = [measure(x[i], y[i]) for i in _resampled(len(x), rng, resamples)]
    return _with_interval(measure(x, y), drawn, level)


def noise_ceiling(
    replicates: Array,
    *,
    measure: Measure = kendall_tau,
    rng: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Agreement:
    """How far two independent trainings of the same networks agree: no score can do better.

    ``replicates`` is (N networks, S seeds), S at least 2. The mean over all pairs of seeds, with
    a percentile bootstrap over networks.
    """

    def mean_of_pairs(scores: Array) -> float:
        pairs = combinations(scores.T, 2)
        return float(np.mean([measure(first, second) for first, second in pairs]))

    if replicates.ndim != 2 or replicates.shape[1] < 2:
        raise ValueError(
            f"replicates of shape {replicates.shape}: give (networks, 2 or more seeds)"
        )
    drawn = [mean_of_pairs(replicates[i]) for i in _resampled(len(replicates), rng, resamples)]
    return _with_interval(mean_of_pairs(replicates), drawn, level)


def _resampled(
    count: int, rng: np.random.Generator, resamples: int
) -> Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    for _ in range(resamples):
        yield rng.integers(0, count, count)


def _with_interval(value: float, drawn: list[float], level: float) -> Agreement:
    """Resamples in which a score is the same for all networks say nothing and are left out."""
    known = np.array(drawn)[np.isfinite(drawn)]
    tail = (1 - level) / 2
    low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (np.nan, np.nan)
    return Agreement(value=value, low=float(low), high=float(high))
