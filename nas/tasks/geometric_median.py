"""The point with the smallest sum of distances to others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEPS = 200
_CLOSE = 1e-9


def geometric_median(points: Array, scales: Array | None = None) -> Array:
    """The geometric median ``(D,)`` of ``(N, D)`` points, to about 1e-6 of their spread.

    ``scales`` ``(N, D)``, if given, are what each point's distances along the axes count times.
    Weiszfeld's iteration from the mean (Beck and Sabach, "Weiszfeld's method: old and new
    results", 2015), with distances that a millionth of the spread keeps from 0, so that it does
    not stop at a point that it steps on.
    """
    assert len(points), "the median of no point"
    scales = np.ones_like(points) if scales is None else scales
    middle: Array = points.mean(0)
    spread = float(np.abs(points - middle).max())
    if spread == 0:
        return middle
    for _ in range(_STEPS):
        apart = ((points - middle) * scales) ** 2
        distance = np.sqrt(apart.sum(1, keepdims=True) + (1e-6 * spread * scales.mean()) ** 2)
        pull = scales**2 / distance
        moved: Array = (pull * points).sum(0) / pull.sum(0)
        if np.abs(moved - middle).max() < _CLOSE * spread:
            return moved
        middle = moved
    return middle
