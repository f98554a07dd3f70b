"""How the camera sits on the car: where the picture shows the direction of straight driving."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic.camera import Camera
from nas.resolution import Resolution


def calibration(camera: Camera, heading: float, resolution: Resolution) -> NDArray[np.float32]:
    """Vanishing point x, y, focal lengths and principal point, ``(6,)``.

    ``heading`` is the direction in which the car stands or drives, radians to the left of the
    world's x. x is in frame widths from the left edge, y in frame heights from the top edge; the
    focal lengths are in the same units.
    """
    focal_x = camera.focal
    focal_y = camera.focal * resolution.width / resolution.height
    ahead = np.array([math.cos(heading), math.sin(heading), 0.0])
    right, down, depth = ahead @ camera.rotation
    x, y = 0.5 + focal_x * right / depth, 0.5 + focal_y * down / depth
    return np.array([x, y, focal_x, focal_y, 0.5, 0.5], np.float32)
