"""Which pixels belong to something that moves by itself, from tracklets, LiDAR and own poses.

Made so, from the farthest object to the nearest, on a frame that is static to begin with:

- A moving object's pixels are those of the convex hull of the LiDAR points inside of its 3-D box:
  a car's points reach to its silhouette, unlike the box's corners, behind which background shows.
  Points up to 25 cm over the box's bottom are taken for the road's. With fewer than ten points, of
  an object that is not said to be occluded, it is the hull of the box shrunk to 70 %.
- Points that are seen in that hull but are not in the box are something behind it, beside a
  cyclist's shoulders say, or in front of it: three rows (half the distance of two scan lines) and
  two columns around each are uncertain, 255.
- The rest of the hull of its whole projected box, 10 cm larger to all sides, is uncertain: 255.
- All of the hull is 255 where the speed is not known or near the threshold, or where a moving
  object is fully occluded.
- A static object in front makes the moving pixels behind its hull uncertain, 255.

What no tracklet follows (nothing beyond the scanner's reach is followed) counts as static.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.kitti.calibration import RawCalibration, nearest_pixel
from nas.data.kitti.convex import fill_hull
from nas.data.kitti.cuboids import inside, outline
from nas.data.kitti.ground_speed import Movement, movement
from nas.data.kitti.rigid import Floats, apply
from nas.data.kitti.tracklets import OCCLUSION_FULL, OCCLUSION_UNSET, Box, Tracklet
from nas.data.source import IGNORE

_STATIC, _MOVING = 0, 1
_MARGIN_M = 0.1
_CLEARANCE_M = 0.25
_FEWEST_POINTS = 10
_SHRUNK = 0.7
_ROWS, _COLUMNS = 3, 2


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """The points of a scan that are in the image: ``points`` ``(N, 3)`` in the scanner's axes and
    their ``pixels`` ``(N, 2)``."""

    points: Floats
    pixels: Floats


def motion_label(
    tracklets: Sequence[Tracklet],
    frame: int,
    world_from_velodyne: Mapping[int, Floats],
    points: Floats,
    calibration: RawCalibration,
    size: tuple[int, int],
) -> NDArray[np.uint8]:
    """Static 0, moving 1, uncertain 255 by pixel, ``(H, W)``; ``points`` ``(N, 3)`` is the frame's
    scan in the scanner's axes, empty where there is none."""
    label = np.full(size, _STATIC, np.uint8)
    seen = _seen(points, calibration, size)
    there = [(tracklet, tracklet.boxes[frame]) for tracklet in tracklets if frame in tracklet.boxes]
    far_to_near = sorted(there, key=lambda pair: -float(np.linalg.norm(pair[1].place)))
    for tracklet, box in far_to_near:
        hull = fill_hull(outline(box, calibration, margin_m=_MARGIN_M), size)
        if not hull.any():
            continue
        moves = movement(tracklet, frame, world_from_velodyne)
        if moves is Movement.STATIC:
            label[hull & (label == _MOVING)] = IGNORE
            continue
        label[hull] = IGNORE
        if moves is Movement.MOVING:
            label[hull & _certain(box, seen, calibration, size)] = _MOVING
    return label


def _seen(points: Floats, calibration: RawCalibration, size: tuple[int, int]) -> _Seen:
    height, width = size
    in_camera = apply(calibration.camera_from_velodyne, points)
    in_front = in_camera[:, 2] > _MARGIN_M
    pixels = calibration.camera.project(in_camera[in_front])
    inside_image = (pixels > -0.5).all(1) & (pixels < np.array([width, height]) - 0.5).all(1)
    return _Seen(points=points[in_front][inside_image], pixels=pixels[inside_image])


def _certain(
    box: Box, seen: _Seen, calibration: RawCalibration, size: tuple[int, int]
) -> NDArray[np.bool_]:
    """The pixels ``(H, W)`` that are surely the object's."""
    if box.occlusion == OCCLUSION_FULL:
        return np.zeros(size, np.bool_)
    own = inside(seen.points, box, margin_m=_MARGIN_M, clearance_m=_CLEARANCE_M)
    if np.count_nonzero(own) >= _FEWEST_POINTS:
        return fill_hull(seen.pixels[own], size) & ~_around(seen.pixels[~own], size)
    if box.occlusion in (0, OCCLUSION_UNSET):
        return fill_hull(outline(box, calibration, scale=_SHRUNK), size)
    return np.zeros(size, np.bool_)


def _around(pixels: Floats, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels ``(H, W)`` within some rows and columns of one of ``(N, 2)``."""
    hit: NDArray[np.bool_] = np.zeros(size, np.bool_)
    column, row = nearest_pixel(pixels).T
    hit[row, column] = True
    for axis, reach in ((0, _ROWS), (1, _COLUMNS)):
        padded = np.pad(hit, [(reach, reach) if axis == a else (0, 0) for a in (0, 1)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=axis)
        hit = np.asarray(windows.any(-1), np.bool_)
    return hit
