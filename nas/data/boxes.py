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


def box_label(boxes: Iterable[Box], height: int, width: int) -> NDArray[np.float32]:
    """Boxes as a detection label ``(N, 5)``: class, then x1, y1, x2, y2 as shares of the frame.

    Boxes are clipped to the frame; what lies outside of it, or is empty, is left out.
    """
    rows = np.array(list(boxes), np.float64).reshape(-1, 5)
    sides = np.clip(rows[:, 1:] / (width, height, width, height), 0, 1).astype(np.float32)
    seen = (sides[:, 0] < sides[:, 2]) & (sides[:, 1] < sides[:, 3])
    return np.column_stack((rows[:, :1], sides))[seen].astype(np.float32)


def boxes_of_objects(objects: NDArray[np.generic]) -> dict[int, tuple[int, int, int, int]]:
    """Left, top, right, bottom of every value but 0 in ``(H, W)`` numbers of objects.

    Right and bottom are one past the last pixel.
    """
    rows, columns = np.nonzero(objects)
    found: dict[int, tuple[int, int, int, int]] = {}
    values, inverse = np.unique(objects[rows, columns], return_inverse=True)
    count = len(values)
    top, left = np.full(count, objects.shape[0]), np.full(count, objects.shape[1])
    bottom, right = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.minimum.at(top, inverse, rows)
    np.minimum.at(left, inverse, columns)
    np.maximum.at(bottom, inverse, rows + 1)
    np.maximum.at(right, inverse, columns + 1)
    for index, value in enumerate(values):
        found[int(value)] = (
            int(left[index]),
            int(top[index]),
            int(right[index]),
            int(bottom[index]),
        )
    return found
