"""Lists of boxes as labels: what is allowed in them, and how they fit, mirror and crop.

A box is a row ``class, x1, y1, x2, y2``: corners as shares of the frame's width and height from
its top left corner. Class 255 is a region to ignore: objects in there are neither wanted nor wrong.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.data.source import IGNORE
from nas.data.window import Window

Array = NDArray[np.generic]

#: Rows of a fitted label. A frame of KITTI's drives has 20 objects at most, of Cityscapes' crowds
#: up to 90; of more the largest are kept.
MOST_BOXES = 64
#: Fills the rows after the last box of a frame.
NO_BOX = -1.0
#: Fills the whole label of a frame that nobody labelled.
NO_LABEL = -2.0
#: An object of which less than this share is inside of a window becomes a region to ignore: a
#: door's edge does not look like a car.
LEAST_INSIDE = 0.3


def check_boxes(label: Array, classes: tuple[str, ...]) -> None:
    """Raise ``ValueError`` that names the value which is no class or no box."""
    if label.ndim != 2 or label.shape[1] != 5 or label.dtype.kind != "f":
        raise ValueError(
            f"the label is {label.dtype} of shape {label.shape}, "
            "give class, x1, y1, x2, y2 as float32 (N, 5)"
        )
    boxes = np.asarray(label, np.float32)
    kinds, corners = boxes[:, 0], boxes[:, 1:]
    bad = ~np.isin(kinds, (*range(len(classes)), IGNORE))
    if bad.any():
        raise ValueError(
            f"the label holds the class {kinds[bad][0]:g}, allowed are 0 to {len(classes) - 1} "
            f"({', '.join(classes)}) and {IGNORE} for a region to ignore"
        )
    inside = ((corners >= 0) & (corners <= 1)).all(1)  # false where not a number
    bad = ~(inside & (corners[:, 0] <= corners[:, 2]) & (corners[:, 1] <= corners[:, 3]))
    if bad.any():
        values = ", ".join(f"{value:g}" for value in corners[bad][0])
        raise ValueError(
            f"the label holds the box {values}, allowed are x1 <= x2 and y1 <= y2 as shares of "
            "the frame, 0 to 1"
        )


def fit_boxes(label: Array) -> NDArray[np.float32]:
    """The ``MOST_BOXES`` largest boxes that have an area, in their order, ``(MOST_BOXES, 5)``."""
    boxes = np.asarray(label, np.float32)
    areas = (boxes[:, 3] - boxes[:, 1]) * (boxes[:, 4] - boxes[:, 2])
    largest = np.argsort(-areas, kind="stable")[:MOST_BOXES]
    kept = boxes[np.sort(largest[areas[largest] > 0])]
    fitted = np.full((MOST_BOXES, 5), NO_BOX, np.float32)
    fitted[: len(kept)] = kept
    return fitted


def labelled(label: Tensor) -> Tensor:
    """Which frames of labels ``(B, N, 5)`` have one, ``(B,)``."""
    return label[:, 0, 0] != NO_LABEL


def objects(label: Tensor) -> Tensor:
    """Which rows of labels ``(…, 5)`` are objects, not filling nor regions to ignore, ``(…)``."""
    return (label[..., 0] >= 0) & (label[..., 0] != IGNORE)


def ignored(label: Tensor) -> Tensor:
    """Which rows of labels ``(…, 5)`` are regions to ignore, ``(…)``."""
    return label[..., 0] == IGNORE


def flip_boxes(label: Tensor) -> Tensor:
    """Labels ``(B, N, 5)`` of mirrored frames: left sides become right ones."""
    kind, x1, y1, x2, y2 = label.unbind(-1)
    flipped = torch.stack([kind, 1 - x2, y1, 1 - x1, y2], dim=-1)
    return torch.where(label[..., :1] >= 0, flipped, label)


def crop_boxes(label: Tensor, window: Window) -> Tensor:
    """Labels ``(B, N, 5)`` of what a window shows, as shares of the window.

    Boxes end at its edges. Objects of which less than ``LEAST_INSIDE`` is left become regions to
    ignore, those outside are gone.
    """
    kind, x1, y1, x2, y2 = label.unbind(-1)
    x1, x2 = window.x_of(x1), window.x_of(x2)
    y1, y2 = window.y_of(y1), window.y_of(y2)
    corners = torch.stack([x1, y1, x2, y2], dim=-1).clamp(0, 1)
    whole = (x2 - x1) * (y2 - y1)
    inside = (corners[..., 2] - corners[..., 0]) * (corners[..., 3] - corners[..., 1])
    kind = torch.where(inside < LEAST_INSIDE * whole, IGNORE, kind)
    cropped = torch.cat([kind[..., None], corners], dim=-1)
    gone = torch.where(label[..., :1] >= 0, torch.full_like(label, NO_BOX), label)
    return torch.where((label[..., 0] >= 0)[..., None] & (inside > 0)[..., None], cropped, gone)
