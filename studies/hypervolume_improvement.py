"""How much hypervolume a candidate is expected to add, in closed form, any number of objectives.

Everything is minimised. What no front point dominates, below the reference point, is cut into
boxes; in a box from l to u a point y adds Π (u - max(l, y))⁺, and for independent objectives the
expectation of the product is the product of expectations (Emmerich et al. 2011; Yang et al. 2019,
doi:10.1007/s10898-019-00798-7). With EI(t) = E[(t - y)⁺], one factor is EI(u) - EI(l). For an
objective that is known exactly, EI(t) is (t - y)⁺ itself.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

#: Front points kept by number of objectives, so that the boxes stay a few hundred.
_MOST_POINTS = {1: 1, 2: 512, 3: 32, 4: 12}
_MOST_POINTS_BEYOND = 8


def expected_improvement(mean: Array, deviation: Array, front: Array, reference: Array) -> Array:
    """Expected growth of the hypervolume for each candidate, (C,), to be made large.

    ``mean`` and ``deviation`` are (C, M), a deviation of 0 is a value known exactly; ``front`` is
    (F, M), dominated points do no harm; ``reference`` is (M,), nothing beyond it counts. With
    three objectives or more a large front is thinned, the result is then too large by little.
    """
    lower, upper = boxes(_thinned(front, reference), reference)
    product = np.ones((len(mean), len(lower)))
    for m in range(len(reference)):
        product *= _factor(mean[:, m], deviation[:, m], lower[:, m], upper[:, m])
    total: Array = product.sum(axis=1)
    return total


def boxes(front: Array, reference: Array) -> tuple[Array, Array]:
    """Lower and upper corners, (B, M) each, of disjoint boxes that no point of ``front`` dominates.

    Together they are all of the space below ``reference`` that is not dominated; lower corners may
    be minus infinity.
    """
    inside = front[(front < reference).all(axis=1)]
    lower, upper = _boxes(non_dominated(inside), reference)
    return np.array(lower), np.array(upper)


def _boxes(front: Array, reference: Array) -> tuple[list[Array], list[Array]]:
    """Slabs along the last objective, each cut by the front points that are below it."""
    if len(reference) == 1:
        return [np.array([-math.inf])], [np.array([min(reference[0], front.min(initial=math.inf))])]
    front = front[np.argsort(front[:, -1], kind="stable")]
    edges = [-math.inf, *front[:, -1], reference[-1]]
    lower, upper = [], []
    for count, (low, high) in enumerate(itertools.pairwise(edges)):
        if low < high:
            lows, highs = _boxes(non_dominated(front[:count, :-1]), reference[:-1])
            lower += [np.append(corner, low) for corner in lows]
            upper += [np.append(corner, high) for corner in highs]
    return lower, upper


def non_dominated(points: Array) -> Array:
    """The rows that no other row dominates, equal ones once; all objectives minimised."""
    return points[non_dominated_rows(points)]


def non_dominated_rows(points: Array) -> Rows:
    """Indices of the rows that no other row dominates, the first of equal ones, best first."""
    if not len(points):
        return np.zeros(0, dtype=np.intp)
    left = np.lexsort(points.T[::-1])
    if points.shape[1] == 2:
        best = np.minimum.accumulate(points[left, 1])
        first: Rows = left[np.append(True, points[left[1:], 1] < best[:-1])]
        return first
    kept = []
    while len(left):
        kept.append(left[0])
        left = left[(points[left] < points[left[0]]).any(axis=1)]
    return np.array(kept)


def _factor(mean: Array, deviation: Array, lower: Array, upper: Array) -> Array:
    """E[(u - max(l, y))⁺] for each candidate and box, (C, B)."""
    levels, places = np.unique(np.concatenate([lower, upper]), return_inverse=True)
    below = _below(mean, deviation, levels)
    return below[:, places[len(lower) :]] - below[:, places[: len(lower)]]


def _below(mean: Array, deviation: Array, levels: Array) -> Array:
    """EI(t) = E[(t - y)⁺] for each candidate and level, (C, L); 0 at minus infinity."""
    finite = np.isfinite(levels)
    gap = np.where(finite, levels, 0.0)[None, :] - mean[:, None]
    uncertain = deviation[:, None] > 0
    if not uncertain.any():
        return np.where(finite, np.maximum(gap, 0.0), 0.0)
    sigma = np.where(uncertain, deviation[:, None], 1.0)
    z = gap / sigma
    density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    expected = gap * torch.special.ndtr(torch.from_numpy(z)).numpy() + sigma * density
    return np.where(finite, np.where(uncertain, expected, np.maximum(gap, 0.0)), 0.0)


def _thinned(front: Array, reference: Array) -> Array:
    """At most so many front points that the boxes stay few: those far from each other."""
    front = non_dominated(front[(front < reference).all(axis=1)])
    most = _MOST_POINTS.get(len(reference), _MOST_POINTS_BEYOND)
    if len(front) <= most:
        return front
    span = np.ptp(front, axis=0)
    scaled = front / np.where(span > 0, span, 1.0)
    kept = [int(i) for i in dict.fromkeys(scaled.argmin(axis=0))][:most]
    distance = np.min([np.abs(scaled - scaled[i]).max(axis=1) for i in kept], axis=0)
    while len(kept) < most:
        kept.append(int(distance.argmax()))
        distance = np.minimum(distance, np.abs(scaled - scaled[kept[-1]]).max(axis=1))
    return front[kept]
