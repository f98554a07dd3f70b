"""Rigid motions as 4×4 matrices, and the six numbers that an odometry label writes them in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nas.data.poses import rotation_vector

Floats = NDArray[np.float64]


def rigid(rotation: Floats, translation: Floats) -> Floats:
    """The ``(4, 4)`` matrix of ``x -> rotation x + translation``."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = translation
    return matrix


def inverse(motion: Floats) -> Floats:
    """The rigid motion back, exact up to rounding: the rotation is transposed, not inverted."""
    back = motion[:3, :3].T
    return rigid(back, -back @ motion[:3, 3])


def apply(motion: Floats, points: Floats) -> Floats:
    """Points ``(N, 3)`` after the motion ``(4, 4)``."""
    return np.asarray(points @ motion[:3, :3].T + motion[:3, 3])


def rotation_about(axis: int, angle: float) -> Floats:
    """Rotation by ``angle`` radians about axis 0 (x), 1 (y) or 2 (z), counter-clockwise for an
    observer towards whom the axis points."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = math.cos(angle)
    matrix[second, first] = math.sin(angle)
    matrix[first, second] = -math.sin(angle)
    return matrix


def odometry_label(previous_from_current: Floats, *, chained: bool) -> NDArray[np.float32]:
    """The pose of the current camera in the previous one's axes (x right, y down, z forward).

    ``(7,)``: translation in metres, rotation vector in radians, and 1 where the label of the frame
    before it in the split is the pose just before, else 0.
    """
    vector = rotation_vector(previous_from_current[:3, :3])
    return np.array([*previous_from_current[:3, 3], *vector, float(chained)], np.float32)
