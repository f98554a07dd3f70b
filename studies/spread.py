"""Values over several seeds, and whether two of them can be told apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev

#: Marks a value that differs from another by less than the spread of the seeds.
TIED = "≈"


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Values of one metric over seeds: their mean, and their standard deviation.

    ``std`` is that of the sample (n − 1), None for a single value: one seed tells no spread.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Arithmetic mean; not a number where a value is not finite."""
        return fmean(self.values) if self._finite else math.nan

    @property
    def std(self) -> float | None:
        """Standard deviation of the sample; not a number where a value is not finite."""
        if len(self.values) < 2:
            return None
        return stdev(self.values) if self._finite else math.nan

    @property
    def _finite(self) -> bool:
        return all(map(math.isfinite, self.values))

    def differs_from(self, other: Spread) -> bool:
        """Whether the means differ by more than the standard deviation of their difference.

        √(s₁² + s₂²), what two single trainings would differ by through their seeds alone. False
        where there is no spread to tell.
        """
        if self.std is None or other.std is None:
            return False
        return abs(self.mean - other.mean) > math.hypot(self.std, other.std)

    def minus(self, other: Spread) -> Spread:
        """Differences seed by seed; both must hold the same seeds in the same order."""
        pairs = zip(self.values, other.values, strict=True)
        return Spread(values=tuple(one - another for one, another in pairs))

    @property
    def is_clear(self) -> bool:
        """Whether the mean of differences is further from 0 than their standard deviation.

        The rule of ``differs_from`` for values that have something in common at each seed, which
        their differences are free of: there the deviation of the difference is measured.
        """
        return self.std is not None and abs(self.mean) > self.std

    def to_json(self) -> dict[str, object]:
        """Mean, spread and the values by seed."""
        return {"mean": self.mean, "std": self.std, "values": list(self.values)}

    def __str__(self) -> str:
        return format(self)

    def __format__(self, spec: str) -> str:
        """Mean and spread as ``spec`` writes a number, ``.3f`` by default; the spread unsigned."""
        spec = spec or ".3f"
        spread = "" if self.std is None else f" ±{format(self.std, spec.lstrip('+'))}"
        return format(self.mean, spec) + spread
