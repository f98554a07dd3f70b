"""Motion of the camera between two frames, as every data source delivers it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pose_vector(pose: NDArray[np.float64]) -> tuple[float, ...]:
    """Translation and rotation vector of a ``(3, 4)`` pose: six numbers, metres and radians."""
    return (*map(float, pose[:, 3]), *map(float, rotation_vector(pose[:, :3])))


def rotation_vector(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axis times angle in radians, ``(3,)``, of a rotation matrix ``(3, 3)``; angle 0 to pi.

    By way of the quaternion, which is exact for small angles, where arc cosines are not, and
    defined for half a turn (Shepperd, 'Quaternion from rotation matrix', 1978).
    """
    r = rotation
    trace = np.trace(r)
    squares = np.array([trace, r[0, 0], r[1, 1], r[2, 2]])
    largest = int(np.argmax(squares))
    if largest == 0:
        imaginary = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
        real = 1 + trace
    else:
        i = largest - 1
        j, k = (i + 1) % 3, (i + 2) % 3
        imaginary = np.empty(3)
        imaginary[i] = 1 + r[i, i] - r[j, j] - r[k, k]
        imaginary[j] = r[i, j] + r[j, i]
        imaginary[k] = r[i, k] + r[k, i]
        real = r[k, j] - r[j, k]
    length = np.linalg.norm(imaginary)
    if length == 0:
        return np.zeros(3)
    half = np.arctan2(length, abs(real))
    return np.asarray(imaginary * (2 * half / length * (1 if real >= 0 else -1)))


def is_rotation(matrix: NDArray[np.float64], tolerance: float = 1e-2) -> bool:
    """Whether a ``(3, 3)`` matrix turns without stretching or mirroring, up to rounding."""
    close = np.abs(matrix @ matrix.T - np.eye(3)).max() < tolerance
    return bool(close and np.linalg.det(matrix) > 0)
