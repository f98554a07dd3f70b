"""The outline of a 3-D box in an image, whether or not it reaches behind the camera."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nas.data.kitti.calibration import Camera, RawCalibration
from nas.data.kitti.rigid import Floats, apply, inverse, rigid, rotation_about
from nas.data.kitti.tracklets import Box

#: What of a box is nearer to the camera's plane than this is cut off before it is projected.
_NEAREST_M = 0.1
#: Corners of a unit box over the middle of its bottom: length, width, height.
_UNIT = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)])
_EDGES = np.array(
    [(a, b) for a, b in combinations(range(8), 2) if np.count_nonzero(_UNIT[a] - _UNIT[b]) == 1]
)


def outline(
    box: Box, calibration: RawCalibration, *, scale: float = 1.0, margin_m: float = 0.0
) -> Floats:
    """Pixels ``(N, 2)`` whose convex hull is the image of the box in front of the camera.

    The box is scaled about its centre, then every side moved outwards by ``margin_m``. Empty
    where all of it is behind the camera.
    """
    corners = apply(calibration.camera_from_velodyne, _corners(box, scale, margin_m))
    return project_in_front(corners, calibration.camera)


def project_in_front(corners: Floats, camera: Camera) -> Floats:
    """Pixels of the corners ``(8, 3)`` in front of the camera, and of where edges pass its
    plane."""
    start, end = corners[_EDGES[:, 0]], corners[_EDGES[:, 1]]
    crossing = (start[:, 2] < _NEAREST_M) != (end[:, 2] < _NEAREST_M)
    start, end = start[crossing], end[crossing]
    share = (_NEAREST_M - start[:, 2:]) / (end[:, 2:] - start[:, 2:])
    visible = np.concatenate([corners[corners[:, 2] >= _NEAREST_M], start + share * (end - start)])
    return camera.project(visible)


def inside(points: Floats, box: Box, *, margin_m: float, clearance_m: float) -> NDArray[np.bool_]:
    """Which points ``(N, 3)`` in the scanner's axes are in the box, its sides and top moved
    outwards by ``margin_m``, its bottom up by ``clearance_m``, for the road is not the object."""
    height, width, length = box.size
    local = apply(inverse(_placement(box)), points)
    return np.asarray(
        (np.abs(local[:, 0]) <= length / 2 + margin_m)
        & (np.abs(local[:, 1]) <= width / 2 + margin_m)
        & (local[:, 2] >= clearance_m)
        & (local[:, 2] <= height + margin_m)
    )


def _corners(box: Box, scale: float, margin_m: float) -> Floats:
    height, width, length = box.size
    size = np.array([length, width, height])
    centred = _UNIT - np.array([0, 0, 0.5])
    local = centred * (size * scale + 2 * margin_m) + np.array([0, 0, height / 2])
    return apply(_placement(box), local)


def _placement(box: Box) -> Floats:
    """From the box's axes (x along its length, origin in the middle of its bottom) to the
    scanner's."""
    return rigid(rotation_about(2, box.heading), box.place)
