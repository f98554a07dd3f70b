"""Early qualities on the scale of final ones, so that one model can learn from both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

#: A candidate's qualities by the number of samples it had been trained on.
Rungs = Mapping[float, float]

#: Pairs that the prior, a slope of 1, counts for; and how steep a slope may be.
_PRIOR_PAIRS = 4
_LEAST_SLOPE, _LARGEST_SLOPE = 0.2, 5.0


def aligned(candidates: Sequence[Rungs]) -> list[dict[float, float]]:
    """The same candidates with every quality moved to the scale of the last rung of all.

    From each rung a line leads to the next one on which candidates of it have a value: it keeps
    mean and spread of those that have both. Candidates that were stopped are missing above, so
    that means over all of a rung would not compare. Where no candidate has both, values stay.
    """
    lines = _lines(candidates)
    return [
        {rung: lines[rung][0] + lines[rung][1] * value for rung, value in rungs.items()}
        for rungs in candidates
    ]


def stages(candidates: Sequence[Rungs]) -> dict[float, float]:
    """Where each rung stands before the last one, 0: in the logarithm of samples."""
    rungs = {rung for candidate in candidates for rung in candidate}
    last = math.log1p(max(rungs, default=0.0))
    return {rung: math.log1p(rung) - last for rung in rungs}


def _lines(candidates: Sequence[Rungs]) -> dict[float, tuple[float, float]]:
    """Offset and slope from each rung to the last, chained from the last one down."""
    rungs = sorted({rung for candidate in candidates for rung in candidate}, reverse=True)
    lines: dict[float, tuple[float, float]] = {}
    for rung in rungs:
        lines[rung] = (0.0, 1.0)
        for above in sorted(lines)[1:]:
            pairs = [(c[rung], c[above]) for c in candidates if rung in c and above in c]
            if pairs:
                offset, slope = _line(np.array(pairs))
                further, steeper = lines[above]
                lines[rung] = (further + steeper * offset, steeper * slope)
                break
    return lines


def _line(pairs: np.ndarray) -> tuple[float, float]:
    """Offset and slope that carry mean and spread of the first column to the second's."""
    spread = pairs.std(axis=0)
    slope = spread[1] / spread[0] if spread[0] > 0 and spread[1] > 0 else 1.0
    slope = min(max(slope, _LEAST_SLOPE), _LARGEST_SLOPE)
    slope = (len(pairs) * slope + _PRIOR_PAIRS) / (len(pairs) + _PRIOR_PAIRS)
    return float(pairs[:, 1].mean() - slope * pairs[:, 0].mean()), float(slope)
