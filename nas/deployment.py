"""Where the network will run: what turns a rate of operations into a budget per frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nas.cost import DEPLOYMENT
from nas.resolution import Resolution

_MOST_FPS = 100_000
_MOST_CAMERAS = 10_000


class BudgetError(ValueError):
    """A budget or a deployment that makes no sense; says what was got and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Frame size, frames per second of each camera, number of cameras, and the utilization.

    ``utilization`` is the share of a chip's nominal rate that convolutions reach. Raises
    ``BudgetError`` naming the field.
    """

    resolution: Resolution = DEPLOYMENT
    fps: float = 30.0
    cameras: int = 4
    utilization: float = 0.3

    def __post_init__(self) -> None:
        if not isinstance(self.resolution, Resolution):
            raise BudgetError(f"resolution is {self.resolution!r}, give Resolution(1024, 512)")
        if not _is_number(self.fps) or not 0 < self.fps <= _MOST_FPS:
            raise BudgetError(
                f"fps is {self.fps}, give frames per second above 0 and up to {_MOST_FPS}"
            )
        if type(self.cameras) is not int or not 1 <= self.cameras <= _MOST_CAMERAS:
            raise BudgetError(f"cameras is {self.cameras}, give 1 to {_MOST_CAMERAS}")
        if not _is_number(self.utilization) or not 0 < self.utilization <= 1:
            raise BudgetError(
                f"utilization is {self.utilization}, give a share above 0 and up to 1, as 0.3"
            )
        object.__setattr__(self, "fps", float(self.fps))
        object.__setattr__(self, "utilization", float(self.utilization))

    def macs_per_frame(self, ops_per_second: float) -> float:
        """MACs that one frame may take: one MAC is two operations."""
        return ops_per_second * self.utilization / (2 * self.fps * self.cameras)


def _is_number(value: object) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and math.isfinite(value)  # type: ignore[arg-type]
