"""Which of many points come first: ranks of non-domination, and an order that spreads a layer."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ranks = NDArray[np.intp]


def nondominated_ranks(losses: Array) -> Ranks:
    """The layer of each point: 0 where none dominates it, 1 where only points of layer 0 do, …

    ``losses`` is (N, M), lower is better in every column; the ranks are (N,). Equal points share
    a layer. The layers are those of Deb et al., NSGA-II (2002), section III.A.
    """
    if not losses.size:
        return np.zeros(len(losses), dtype=np.intp)
    unique, place = np.unique(losses, axis=0, return_inverse=True)
    ranks = _ranks_of_two(unique) if unique.shape[1] <= 2 else _ranks_of_many(unique)
    return ranks[place.reshape(-1)]


def _ranks_of_two(points: Array) -> Ranks:
    """In O(N log N), for one or two columns; ``points`` differ and are sorted by their columns.

    Along the first column, the last point of a layer has its lowest second column, and that
    grows from layer to layer: a point belongs to the first layer whose last point is above it.
    """
    lowest: list[float] = []
    ranks = np.empty(len(points), dtype=np.intp)
    for index, second in enumerate(points[:, -1].tolist()):
        layer = bisect_right(lowest, second)
        lowest[layer : layer + 1] = [second]
        ranks[index] = layer
    return ranks


def _ranks_of_many(points: Array) -> Ranks:
    """In O(N²) for any number of columns; ``points`` differ and are sorted by their columns.

    So only earlier points can dominate a point, and its layer is the longest chain of them.
    """
    ranks = np.zeros(len(points), dtype=np.intp)
    for index in range(1, len(points)):
        dominating = (points[:index] <= points[index]).all(axis=1)
        ranks[index] = ranks[:index][dominating].max(initial=-1) + 1
    return ranks


def spread_order(points: Array) -> Ranks:
    """Indices in an order whose every beginning covers the points well: an epsilon net.

    ``points`` is (N, M) and finite. First the lowest in the first column, then always the one
    farthest from all before it, each column scaled to the range that it has here; equal ones in
    their order. This is how MO-ASHA orders a layer (Schmucker et al., arXiv 2106.12639,
    section 3.2, after Clarkson 2006), with the start fixed in place of a random one.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / np.where(high > low, high - low, 1.0)
    order = np.empty(len(points), dtype=np.intp)
    order[0] = chosen = int(scaled[:, 0].argmin())
    distance = np.full(len(points), np.inf)
    for index in range(1, len(points)):
        np.minimum(distance, ((scaled - scaled[chosen]) ** 2).sum(axis=1), out=distance)
        distance[chosen] = -1.0
        order[index] = chosen = int(distance.argmax())
    return order
