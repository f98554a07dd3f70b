"""How much sun and sky reaches a place: shadows of houses, and of things on the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic.camera import Camera, Rays, image_bounds
from nas.data.synthetic.casting import Hits, middle_offset
from nas.data.synthetic.world import World

Array = NDArray[np.float32]
_SHADOWS_SEEN = 35.0  # metres from the camera
_LONGEST = 12.0  # metres; a longer shadow is cut


@dataclass(frozen=True, kw_only=True)
class GroundLight:
    """Shares of sun and sky light ``(R, C)`` that things leave to the ground below."""

    sun: Array
    sky: Array


def beside_houses(world: World, x: Array, y: Array, z: Array) -> Array:
    """Share of the sun, 0 to 1, that the row of houses on its side leaves; road taken straight."""
    east, north, up = world.light.sun_direction
    if abs(north) < 0.15 or not world.light.sun[0]:
        return np.ones(x.shape, np.float32)
    row = world.rows[1 if north > 0 else 0]
    way = (row.offset - middle_offset(world.road, x, y)) * np.float32(1 / north)
    metre = np.clip(x + way * np.float32(east) - row.start, 0, len(row.heights) - 1)
    heights = np.array(row.heights, np.float32)[metre.astype(np.int32)]
    share = (z + way * np.float32(up) - heights) * np.float32(0.8) + 1
    return np.where(way > 0, np.clip(share, 0, 1), 1)


def on_ground(world: World, time: float, camera: Camera, rays: Rays, hits: Hits) -> GroundLight:
    """Shadows at the foot of things and those that the sun throws."""
    sun, sky = (np.ones(rays.dx.shape, np.float32) for _ in range(2))
    balls = _balls(world, time)
    if not len(balls):
        return GroundLight(sun=sun, sky=sky)
    bounds, nearest = image_bounds(_flat_boxes(balls), camera, rays)
    top = hits.ground_from
    depth = hits.depth[top:]
    x, y = camera.x + depth * rays.dx[top:], camera.y + depth * rays.dy[top:]
    seen = (bounds[:, 1] > bounds[:, 0]) & (bounds[:, 3] > bounds[:, 2])
    seen &= nearest < _SHADOWS_SEEN
    shines = world.light.sun[0] > 0
    for index in np.flatnonzero(seen).tolist():
        first, last, left, right = bounds[index].tolist()
        first = max(first, top)
        if last <= first:
            continue
        window = (slice(first, last), slice(left, right))
        inner = (slice(first - top, last - top), slice(left, right))
        ax, ay, bx, by, radius, low = balls[index].tolist()
        px, py = x[inner] - np.float32(ax), y[inner] - np.float32(ay)
        if low == 0.0:
            foot = (px * px + py * py) * np.float32(1 / (1.3 * radius) ** 2)
            sky[window] *= np.minimum(foot * np.float32(0.7) + np.float32(0.3), 1)
        if shines:
            sun[window] *= _outside_capsule(px, py, bx - ax, by - ay, radius)
    return GroundLight(sun=sun, sky=sky)


def _outside_capsule(px: Array, py: Array, wx: float, wy: float, radius: float) -> Array:
    """0 near the stretch from the origin to ``(wx, wy)``, 1 farther away than the radius."""
    length = max(wx * wx + wy * wy, 1e-6)
    share = _unit(px * np.float32(wx / length) + py * np.float32(wy / length))
    ex, ey = px - share * np.float32(wx), py - share * np.float32(wy)
    away = (ex * ex + ey * ey) * np.float32(1 / radius**2)
    return _unit(away * 2 - np.float32(1.4))


def _unit(values: Array) -> Array:
    """Kept within 0 to 1; ``np.clip`` takes five times as long on small arrays."""
    return np.minimum(np.maximum(values, 0), 1)


def _balls(world: World, time: float) -> NDArray[np.float64]:
    """``(M, 6)``: where each shadow starts and ends on the ground, its radius and lowest height."""
    east, north, up = world.light.sun_direction
    shines = world.light.sun[0] > 0
    found = []
    for thing in world.things:
        if not thing.shadows:
            continue
        x, y = thing.at(time)
        cos, sin = math.cos(thing.yaw), math.sin(thing.yaw)
        for shadow in thing.shadows:
            if shadow.low > 0 and not shines:
                continue
            sx, sy = x + cos * shadow.x - sin * shadow.y, y + sin * shadow.x + cos * shadow.y
            start, end = (
                min(height / up, _LONGEST) if shines else 0.0
                for height in (shadow.low, max(shadow.high - shadow.radius, 0.0))
            )
            found.append(
                (
                    sx - east * start,
                    sy - north * start,
                    sx - east * end,
                    sy - north * end,
                    shadow.radius,
                    shadow.low,
                )
            )
    return np.array(found).reshape(-1, 6)


def _flat_boxes(balls: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners ``(M, 8, 3)`` on the ground around each shadow."""
    ax, ay, bx, by, radius, _ = balls.T
    reach = 1.35 * radius
    low = np.stack([np.minimum(ax, bx) - reach, np.minimum(ay, by) - reach, 0 * ax], axis=1)
    high = np.stack([np.maximum(ax, bx) + reach, np.maximum(ay, by) + reach, 0 * ax], axis=1)
    bits = np.arange(8)[:, None] >> np.arange(3) & 1
    return np.where(bits[None], high[:, None], low[:, None])
