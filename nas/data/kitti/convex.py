"""Convex hulls of points in an image, and the pixels inside of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nas.data.kitti.rigid import Floats


def fill_hull(points: Floats, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels ``(H, W)`` whose centres lie in the convex hull of points ``(N, 2)``, or on its
    edge; columns before rows in points, (0, 0) the centre of the first pixel."""
    mask = np.zeros(size, np.bool_)
    if len(points) == 0:
        return mask
    height, width = size
    left, top = np.maximum(np.ceil(points.min(0)), 0)
    right = min(float(np.floor(points[:, 0].max())), width - 1)
    bottom = min(float(np.floor(points[:, 1].max())), height - 1)
    if left > right or top > bottom:
        return mask
    columns = np.arange(int(left), int(right) + 1)
    rows = np.arange(int(top), int(bottom) + 1)[:, None]
    filled = np.ones((len(rows), len(columns)), np.bool_)
    corners = convex_hull(points)
    for (x, y), (next_x, next_y) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        filled &= (next_x - x) * (rows - y) - (next_y - y) * (columns - x) >= 0
    mask[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = filled
    return mask


def convex_hull(points: Floats) -> Floats:
    """The corners ``(M, 2)`` of the hull of ``(N, 2)`` points, so that all lie to the left of every
    side in a right-handed plane; Andrew's monotone chain (1979)."""
    ordered = [(float(x), float(y)) for x, y in np.unique(points, axis=0)]
    if len(ordered) < 3:
        return np.array(ordered).reshape(-1, 2)
    lower = _chain(ordered)
    upper = _chain(ordered[::-1])
    return np.array(lower[:-1] + upper[:-1])


def _chain(ordered: list[tuple[float, float]]) -> list[tuple[float, float]]:
    chain: list[tuple[float, float]] = []
    for point in ordered:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
