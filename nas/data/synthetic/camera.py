"""The pinhole camera, the path it moves along, and the rays of a picture.

World axes follow ISO 8855: x forward along the road, y left, z up, metres. Camera axes: x right,
y down, z forward along the optical axis, so that a ray's parameter is the depth itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.resolution import Resolution

Array = NDArray[np.float32]
#: Nothing nearer to the camera than this is seen, in metres.
NEAREST = 0.1


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Position in metres, yaw (left) and pitch (up) in radians, focal length in image widths."""

    x: float
    y: float
    z: float
    yaw: float
    pitch: float
    focal: float

    @property
    def rotation(self) -> NDArray[np.float64]:
        """``(3, 3)``: columns are the camera's right, down and forward axes in the world."""
        cy, sy = math.cos(self.yaw), math.sin(self.yaw)
        cp, sp = math.cos(self.pitch), math.sin(self.pitch)
        return np.array([[sy, cy * sp, cy * cp], [-cy, sy * sp, sy * cp], [0.0, -cp, sp]])

    @property
    def position(self) -> NDArray[np.float64]:
        """``(3,)`` in the world, metres."""
        return np.array([self.x, self.y, self.z])

    def to_camera(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """World points ``(..., 3)`` in camera axes: right, down, depth in metres."""
        return (points - self.position) @ self.rotation


@dataclass(frozen=True, kw_only=True)
class EgoMotion:
    """A path of constant speed (m/s) and yaw rate (rad/s); ``at_zero`` is the camera at time 0."""

    at_zero: Camera
    heading: float
    speed: float
    yaw_rate: float
    pitch_rate: float

    def camera(self, time: float) -> Camera:
        """The camera at a time in seconds."""
        start, turned = self.at_zero, self.yaw_rate * time
        # Chord of the arc: its direction is half the turn, its length follows from the sine.
        chord = self.speed * time * (math.sin(turned / 2) / (turned / 2) if turned else 1.0)
        direction = self.heading + turned / 2
        return Camera(
            x=start.x + chord * math.cos(direction),
            y=start.y + chord * math.sin(direction),
            z=start.z,
            yaw=start.yaw + turned,
            pitch=start.pitch + self.pitch_rate * time,
            focal=start.focal,
        )


@dataclass(frozen=True, kw_only=True)
class Rays:
    """World directions ``(R, C)`` of a grid of rays, scaled so that the parameter is depth.

    ``dz`` is ``(R, 1)``: the camera never rolls, so all rays of a row rise alike.
    The grid has half a pixel between rays and reaches half a pixel over the outer centres:
    ``2 H + 1`` rows, ``2 W + 1`` columns; the centre of pixel (r, c) is at (2 r + 1, 2 c + 1).
    """

    dx: Array
    dy: Array
    dz: Array
    focal: float
    resolution: Resolution

    @property
    def step(self) -> float:
        """Width of one pixel at a depth of one metre, in metres."""
        return 1.0 / self.focal


def cast_rays(camera: Camera, resolution: Resolution) -> Rays:
    """Rays through the centres, edges and corners of all pixels; square pixels."""
    width, height = resolution.width, resolution.height
    focal = camera.focal * width
    right = (np.arange(2 * width + 1) / 2 - width / 2) / focal
    down = (np.arange(2 * height + 1) / 2 - height / 2)[:, None] / focal
    ahead, aside, up = camera.rotation
    return Rays(
        dx=(ahead[0] * right + (ahead[1] * down + ahead[2])).astype(np.float32),
        dy=(aside[0] * right + (aside[1] * down + aside[2])).astype(np.float32),
        dz=(up[1] * down + up[2]).astype(np.float32),
        focal=focal,
        resolution=resolution,
    )


#: Rows (or columns) of the ray grid, as a half-open range.
Span = tuple[int, int]


def image_bounds(
    corners: NDArray[np.float64], camera: Camera, rays: Rays
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which part of the ray grid boxes can touch, and how near they come.

    ``corners`` is ``(N, 8, 3)`` in the world, corner ``i`` at the low or high side of each axis
    by the bits of ``i``. Returns ``(N, 4)`` rows from, to, columns from, to (empty ranges where
    nothing is seen) and ``(N,)`` the least depth in metres.
    """
    points = camera.to_camera(corners)
    depth = points[..., 2]
    ends = points[:, _EDGES]  # (N, 12, 2, 3)
    z0, z1 = ends[:, :, 0, 2], ends[:, :, 1, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip((NEAREST - z0) / (z1 - z0), 0.0, 1.0)
    crossing = ends[:, :, 0] + np.nan_to_num(share)[..., None] * (ends[:, :, 1] - ends[:, :, 0])
    crosses = (z0 < NEAREST) != (z1 < NEAREST)
    candidates = np.concatenate([points, crossing], axis=1)  # (N, 20, 3)
    seen = np.concatenate([depth >= NEAREST, crosses], axis=1)
    scale = 2 * rays.focal / np.maximum(candidates[..., 2], NEAREST)
    grid = rays.resolution
    bounds = np.empty((len(points), 4), np.int64)
    for axis, size, slot in ((1, grid.height, 0), (0, grid.width, 2)):
        place = candidates[..., axis] * scale + size
        low = np.where(seen, place, np.inf).min(axis=1)
        high = np.where(seen, place, -np.inf).max(axis=1)
        bounds[:, slot] = np.ceil(np.clip(low, 0, 2 * size + 1))
        bounds[:, slot + 1] = np.floor(np.clip(high, -1, 2 * size)) + 1
    return bounds, np.maximum(depth.min(axis=1), NEAREST)


_EDGES = np.array([(i, i | bit) for i in range(8) for bit in (1, 2, 4) if not i & bit])
