"""How the camera moved from one frame to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nas.data.poses import rotation_vector
from nas.data.synthetic.camera import Camera


def relative_pose(previous: Camera, current: Camera) -> NDArray[np.float32]:
    """Pose ``(6,)`` of the current camera in the axes of the previous one.

    Axes are right, down, forward. Three metres of translation ``t``, then the rotation vector
    (axis times angle, radians) of ``R``: a point is at ``p_previous = R p_current + t``.
    """
    translation = (current.position - previous.position) @ previous.rotation
    turn = previous.rotation.T @ current.rotation
    return np.concatenate([translation, rotation_vector(turn)]).astype(np.float32)
