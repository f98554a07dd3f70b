"""How the camera moved from one frame to the next."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic.camera import Camera


def relative_pose(previous: Camera, current: Camera) -> NDArray[np.float32]:
    """Pose ``(6,)`` of the current camera in the axes of the previous one.

    Axes are right, down, forward. Three metres of translation ``t``, then the rotation vector
    (axis times angle, radians) of ``R``: a point is at ``p_previous = R p_current + t``.
    """
    translation = (current.position - previous.position) @ previous.rotation
    turn = previous.rotation.T @ current.rotation
    return np.concatenate([translation, _rotation_vector(turn)]).astype(np.float32)


def _rotation_vector(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a rotation of less than half a turn."""
    twist = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    sine, cosine = float(np.linalg.norm(twist)) / 2, (float(np.trace(turn)) - 1) / 2
    angle = math.atan2(sine, cosine)
    return twist / 2 * (angle / sine if sine else 1.0)
