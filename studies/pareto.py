"""Which points no other point dominates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Direction = Literal["maximize", "minimize"]


def dominates(a: Sequence[float], b: Sequence[float], directions: Sequence[Direction]) -> bool:
    """Whether ``a`` is nowhere worse than ``b`` and somewhere better."""
    signed = [
        (x, y) if direction == "minimize" else (-x, -y)
        for x, y, direction in zip(a, b, directions, strict=True)
    ]
    return all(x <= y for x, y in signed) and any(x < y for x, y in signed)


def front_indices(points: Sequence[Sequence[float]], directions: Sequence[Direction]) -> list[int]:
    """Indices of the points that none dominates, in their order; equal points all stay."""
    return [
        index
        for index, point in enumerate(points)
        if not any(dominates(other, point, directions) for other in points)
    ]
