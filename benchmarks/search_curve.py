"""Curves of hypervolume over compute, and how much less compute one search needs than another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Maps Δm in percent and MACs onto the unit square, larger is better on both sides.

    ``worst`` and ``best`` are the Δm at 0 and 1. MACs are at 0 at the ``budget`` and at 1 at the
    ``cheapest`` network of the space, by their logarithm or linearly.
    """

    worst: float
    best: float
    cheapest: float
    budget: float
    macs: Literal["log", "linear"] = "log"

    def point(self, delta_m: float, macs: float) -> tuple[float, float]:
        """Where a network lies; negative where it is beyond the reference point."""
        quality = (delta_m - self.worst) / (self.best - self.worst)
        size = math.log if self.macs == "log" else float
        low, high = size(self.cheapest), size(self.budget)
        return quality, (high - size(macs)) / (high - low)


def hypervolume(points: Sequence[tuple[float, float]]) -> float:
    """Area that points dominate, both sides to be made large, reference point (0, 0)."""
    area, highest = 0.0, 0.0
    for x, y in sorted(points, reverse=True):
        if x > 0 and y > highest:
            area += x * (y - highest)
            highest = y
    return area


def first_reach(spent: Sequence[float], values: Sequence[float], level: float) -> float | None:
    """What is spent when a curve first comes to a level, linear between its points.

    ``spent`` grows. None where the curve stays below; what the first point cost where that is
    there already, an upper bound then.
    """
    if values[0] >= level:
        return spent[0]
    for (a, x), (b, y) in pairwise(zip(spent, values, strict=True)):
        if y >= level:
            return a + (b - a) * (level - x) / (y - x)
    return None


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times as much the other search spent for its own final hypervolume.

    ``value`` is None where this search never reached it; ``at_least`` marks a lower bound: this
    search had it at the first point of its curve already.
    """

    value: float | None
    at_least: bool = False

    def __str__(self) -> str:
        if self.value is None:
            return "never reached"
        return f"{'more than ' if self.at_least else ''}{self.value:.2f}"


def ratio(
    spent: Sequence[float],
    values: Sequence[float],
    other_spent: Sequence[float],
    other_values: Sequence[float],
) -> Ratio:
    """Compare two curves; the other's cost is that at which it first had its final value."""
    level = other_values[-1]
    other, mine = first_reach(other_spent, other_values, level), first_reach(spent, values, level)
    if mine is None or other is None:
        return Ratio(value=None)
    return Ratio(value=other / mine, at_least=values[0] >= level)
