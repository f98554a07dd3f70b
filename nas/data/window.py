"""The part of a frame that augmentation enlarges to the whole frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Window:
    """A rectangle of pixels of a frame of ``height`` × ``width``, stretched to that size."""

    top: int
    left: int
    rows: int
    columns: int
    height: int
    width: int

    @property
    def vertical_zoom(self) -> float:
        """How many times higher everything becomes."""
        return self.height / self.rows

    @property
    def horizontal_zoom(self) -> float:
        """How many times wider everything becomes."""
        return self.width / self.columns

    def pixel_rows(self, count: int | None = None) -> Tensor:
        """Source row under the centre of each new row, ``(count,)``, of maps ``count`` rows high.

        ``count`` is the frame's height unless given.
        """
        return _under_centres(self.top, self.rows, self.height, count or self.height)

    def pixel_columns(self, count: int | None = None) -> Tensor:
        """Source column under the centre of each new column, ``(count,)``."""
        return _under_centres(self.left, self.columns, self.width, count or self.width)

    def x_of(self, x: Tensor) -> Tensor:
        """Where a place is after stretching, as shares of the frame's width from its left edge."""
        return (x * self.width - self.left) / self.columns

    def y_of(self, y: Tensor) -> Tensor:
        """Where a place is after stretching, as shares of the frame's height from its top."""
        return (y * self.height - self.top) / self.rows


def _under_centres(start: int, length: int, side: int, count: int) -> Tensor:
    """Which of a side's ``count`` parts lies under each of ``count`` parts of a stretch of it."""
    twice = 2 * torch.arange(count) + 1
    return (start * 2 * count + twice * length) // (2 * side)
