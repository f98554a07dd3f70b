"""Boxes in the image around the objects that a drive's tracklets follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nas.data.kitti.calibration import RawCalibration, share_of_frame
from nas.data.kitti.cuboids import outline
from nas.data.kitti.rigid import Floats
from nas.data.kitti.specs import BOX_CLASSES
from nas.data.kitti.tracklets import OCCLUSION_FULL, TRUNCATION_OUT, Box, Tracklet
from nas.data.source import IGNORE

#: KITTI's categories as classes; any other (Misc, and what others may have added) is ignored.
CLASS_OF_CATEGORY: Mapping[str, int] = {
    category: BOX_CLASSES.index(name)
    for name, categories in (
        ("vehicle", ("Car", "Van", "Truck", "Tram")),
        ("pedestrian", ("Pedestrian", "Person (sitting)")),
        ("cyclist", ("Cyclist",)),
    )
    for category in categories
}
#: Share of a box that must be in the image to count: KITTI's object benchmark judges boxes that
#: are truncated by up to a half in its hard level.
_LEAST_SHARE = 0.5


def box_label(
    tracklets: Sequence[Tracklet], frame: int, calibration: RawCalibration, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Class and box ``(N, 5)`` of every object in a frame of ``size`` (height, width).

    Columns are class, left, top, right and bottom, the latter as shares of the frame, clipped to
    it. A box is the extent of the projected 3-D box. Class 255, to be ignored: other categories,
    fully occluded, outside according to KITTI though its box is not, or less than half inside.
    An object of which less than a pixel's breadth or height is inside is left out.
    """
    rows = []
    for tracklet in tracklets:
        box = tracklet.boxes.get(frame)
        corners = None if box is None else outline(box, calibration)
        if box is None or corners is None or len(corners) == 0:
            continue
        sides = share_of_frame(np.array([corners.min(0), corners.max(0)]), size)
        clipped = np.clip(sides, 0, 1)
        if ((clipped[1] - clipped[0]) * size[::-1] >= 1).all():
            rows.append([_class_of(tracklet, box, sides, clipped), *clipped.ravel()])
    return np.array(rows, np.float32).reshape(-1, 5)


def _class_of(tracklet: Tracklet, box: Box, sides: Floats, clipped: Floats) -> int:
    share = np.prod(clipped[1] - clipped[0]) / np.prod(sides[1] - sides[0])
    if share < _LEAST_SHARE or box.occlusion == OCCLUSION_FULL or box.truncation in TRUNCATION_OUT:
        return IGNORE
    return CLASS_OF_CATEGORY.get(tracklet.category, IGNORE)
