"""Bounding boxes of what can be seen of vehicles and pedestrians."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nas.data.source import IGNORE
from nas.data.synthetic.render import View
from nas.data.synthetic.world import Thing
from search_spaces.default_tasks import DETECTION_CLASSES

#: The kinds of things that get boxes, in the order of their label values.
BOXED = DETECTION_CLASSES
#: Pixels of an object that must be seen. A pedestrian of 12 pixels is 6 high and 2 wide, less than
#: a cell of the detector (4 by 4): of fewer pixels neither people nor networks tell what they are.
FEWEST_PIXELS = 12


def visible_boxes(
    view: View, things: Sequence[Thing], hidden: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Boxes ``(N, 5)``: class, x1, y1, x2, y2 as shares of width and height, in order of things.

    A box holds the visible pixels of one thing, so that one which a post divides has one box, and
    two that stand side by side have two. Pixels that are ``hidden`` ``(H, W)`` do not count. A
    thing of less than `FEWEST_PIXELS` is a region to ignore, class 255, around all its pixels.
    """
    classes = np.array([_class(thing) for thing in things] + [IGNORE], np.uint8)
    rows, columns = np.nonzero(classes[view.object_id] != IGNORE)
    owners, seen = view.object_id[rows, columns], ~hidden[rows, columns]
    enough = np.bincount(owners[seen], minlength=len(things)) >= FEWEST_PIXELS
    counts = seen | ~enough[owners]  # (pixels,)
    rows, columns, owners = rows[counts], columns[counts], owners[counts]
    found, first = np.unique(np.sort(owners), return_index=True)
    if not len(found):
        return np.zeros((0, 5), np.float32)
    order = np.argsort(owners, kind="stable")
    rows, columns = rows[order], columns[order]
    height, width = view.object_id.shape
    boxes = np.empty((len(found), 5), np.float32)
    boxes[:, 0] = np.where(enough[found], classes[found], IGNORE)
    boxes[:, 1] = np.minimum.reduceat(columns, first) / width
    boxes[:, 2] = np.minimum.reduceat(rows, first) / height
    boxes[:, 3] = (np.maximum.reduceat(columns, first) + 1) / width
    boxes[:, 4] = (np.maximum.reduceat(rows, first) + 1) / height
    return boxes


def _class(thing: Thing) -> int:
    return BOXED.index(thing.kind) if thing.kind in BOXED else IGNORE
