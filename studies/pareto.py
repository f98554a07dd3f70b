"""Which points no other point dominates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from studies.ranking import nondominated_ranks

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
    signs = [-1.0 if direction == "maximize" else 1.0 for direction in directions]
    losses = np.array(points, dtype=np.float64).reshape(len(points), len(signs)) * signs
    return np.flatnonzero(nondominated_ranks(losses) == 0).tolist()
