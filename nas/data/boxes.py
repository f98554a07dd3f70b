"""Boxes of a frame's objects, as every data source delivers them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Box(NamedTuple):
    """An object's box in pixels from the image's left and top edge.

    ``kind`` is the index of its class, or ``IGNORE`` for a region in which objects are not
    labelled. ``right`` and ``bottom`` are edges, so a single pixel has a width of 1.
    """

    kind: int
    left: float
    top: float
    right: float
    bottom: float


class Sides(NamedTuple):
    """Where something lies in an image, in pixels; right and bottom are one past the last one."""

    left: int
    top: int
    right: int
    bottom: int

    def joined(self, other: Sides) -> Sides:
        """What holds both."""
        return Sides(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


def box_label(boxes: Iterable[Box], height: int, width: int) -> NDArray[np.float32]:
    """Boxes as a detection label ``(N, 5)``: class, then x1, y1, x2, y2 as shares of the frame.

    Boxes are clipped to the frame; what lies outside of it, or is empty, is left out.
    """
    rows = np.array(list(boxes), np.float64).reshape(-1, 5)
    sides = np.clip(rows[:, 1:] / (width, height, width, height), 0, 1).astype(np.float32)
    seen = (sides[:, 0] < sides[:, 2]) & (sides[:, 1] < sides[:, 3])
    return np.column_stack((rows[:, :1], sides))[seen].astype(np.float32)


def boxes_of_objects(objects: NDArray[np.generic]) -> dict[int, Sides]:
    """The sides of what every value but 0 covers in ``(H, W)`` numbers of objects."""
    rows, columns = np.nonzero(objects)
    order = np.argsort(objects[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    values, starts = np.unique(objects[rows, columns], return_index=True)
    sides = np.column_stack(
        (
            np.minimum.reduceat(columns, starts),
            np.minimum.reduceat(rows, starts),
            np.maximum.reduceat(columns, starts) + 1,
            np.maximum.reduceat(rows, starts) + 1,
        )
    )
    return {int(value): Sides(*map(int, row)) for value, row in zip(values, sides, strict=True)}


def boxes_of_regions(mask: NDArray[np.bool_]) -> list[Sides]:
    """The sides of every connected region of ``(H, W)``, in order of their topmost pixels.

    Pixels are connected by their sides. Runs of pixels in a row are joined with the runs that they
    touch in the row above: a union of a few thousand runs, where a mask has a million pixels.
    """
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)[1]
    parents = list(range(len(rows)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    firsts = np.searchsorted(rows, np.arange(mask.shape[0] + 1))
    for row in range(1, mask.shape[0]):
        for run in range(firsts[row], firsts[row + 1]):
            for above in range(firsts[row - 1], firsts[row]):
                if starts[above] < stops[run] and starts[run] < stops[above]:
                    low, high = sorted((root(run), root(above)))
                    parents[high] = low
    regions: dict[int, Sides] = {}
    for run, place in enumerate(zip(starts, rows, stops, rows + 1, strict=True)):
        part = Sides(*map(int, place))
        regions[root(run)] = part.joined(regions.get(root(run), part))
    return list(regions.values())
