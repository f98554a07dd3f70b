"""Values by the logarithm of how far they are behind the best: models are fine where it matters.

Of candidates that are trained, the good ones lie close together and the bad ones far apart. A
Gaussian process of plain values takes the scatter of the bad ones for its own doubt about the good
ones. So it is fitted to z = log((y - limit) / scale) instead, a warped Gaussian process (Snelson et
al. 2004), and growth of the hypervolume is counted in z as well. Everything is to be made small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: How far beyond the best value the limit lies, in distances of the median from the best.
_BEYOND = 1.0


@dataclass(frozen=True, kw_only=True)
class ShortfallWarp:
    """z = log((y - ``limit``) / ``scale``) of values y above the limit; the best has z = 0."""

    limit: float
    scale: float

    @classmethod
    def of(cls, values: Array) -> Self:
        """From values (N,), at least one; where at least half are the best, by their mean."""
        best = float(values.min())
        typical = float(np.median(values)) - best or float(values.mean()) - best
        scale = _BEYOND * typical if typical > 0 else 1.0
        return cls(limit=best - scale, scale=scale)

    def __call__(self, values: Array) -> Array:
        """z of values, none of which is better than the best."""
        z: Array = np.log(np.maximum((values - self.limit) / self.scale, 1.0))
        return z
