"""Where each ray ends: the nearest of the ground and all things."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic.camera import Camera, Rays, image_bounds
from nas.data.synthetic.noise import fraction
from nas.data.synthetic.solids import Vector
from nas.data.synthetic.surfaces import PartTable
from nas.data.synthetic.world import Line, Material, Road

Array = NDArray[np.float32]
#: The ground ends here, in metres; what little is left below the horizon counts as sky.
FARTHEST = 1000.0
_MARKINGS_SEEN = 90.0  # metres; beyond, a line is thinner than any pixel


@dataclass(frozen=True, kw_only=True)
class Hits:
    """``depth`` ``(R, C)`` in metres, infinite for sky, and the number of the ``surface``."""

    depth: Array
    surface: NDArray[np.int16]
    ground_from: int  # first row of the grid that looks down


def cast(road: Road, parts: PartTable, time: float, camera: Camera, rays: Rays) -> Hits:
    """Cast all rays at a time in seconds."""
    depth = np.full(rays.dx.shape, np.inf, np.float32)
    surface = np.full(rays.dx.shape, Material.SKY, np.int16)
    ground_from = _cast_ground(road, camera, rays, depth, surface)
    if parts.parts:
        _cast_parts(parts, time, camera, rays, depth, surface)
    return Hits(depth=depth, surface=surface, ground_from=ground_from)


def _cast_parts(
    parts: PartTable,
    time: float,
    camera: Camera,
    rays: Rays,
    depth: Array,
    surface: NDArray[np.int16],
) -> None:
    """From the nearest to the farthest, so that hidden ones are left out early."""
    corners = parts.corners + (parts.velocity * time)[:, None]
    bounds, nearest = image_bounds(corners, camera, rays)
    for index in np.argsort(nearest, kind="stable").tolist():
        top, bottom, left, right = bounds[index].tolist()
        if bottom <= top or right <= left:
            continue
        window = (slice(top, bottom), slice(left, right))
        seen = depth[window]
        if float(seen.max()) <= nearest[index]:
            continue
        thing, solid = parts.things[index], parts.parts[index].solid
        x, y = thing.at(time)
        cos, sin = math.cos(thing.yaw), math.sin(thing.yaw)
        origin = _turned(camera.x - x, camera.y - y, camera.z, cos, sin)
        dx, dy = rays.dx[window], rays.dy[window]
        turned = dx * np.float32(cos) + dy * np.float32(sin)
        across = dy * np.float32(cos) - dx * np.float32(sin)
        found, face = solid.cast(origin, turned, across, rays.dz[top:bottom])
        closer = found < seen
        np.copyto(seen, found, where=closer)
        np.copyto(surface[window], face + np.int16(parts.first[index]), where=closer)


def _turned(x: float, y: float, z: float, cos: float, sin: float) -> Vector:
    return cos * x + sin * y, cos * y - sin * x, z


def _cast_ground(
    road: Road, camera: Camera, rays: Rays, depth: Array, surface: NDArray[np.int16]
) -> int:
    """Road at height 0, all beside it at the kerb's height, and the kerb's face between."""
    slope = rays.dz[:, 0]  # without roll a row has one slope
    first = int(np.searchsorted(-slope, camera.z / FARTHEST, side="right"))
    if first == len(slope):
        return first
    dx, dy = rays.dx[first:], rays.dy[first:]
    high = ((road.kerb - camera.z) / slope[first:, None]).astype(np.float32)
    low = (-camera.z / slope[first:, None]).astype(np.float32)
    x, y = camera.x + high * dx, camera.y + high * dy
    offset_high = np.abs(middle_offset(road, x, y))
    beyond_high = _beyond_kerb(road, x, offset_high)
    raised = beyond_high > 0
    x, y = camera.x + low * dx, camera.y + low * dy
    offset = middle_offset(road, x, y)
    beyond_low = _beyond_kerb(road, x, np.abs(offset))
    kerb = ~raised & (beyond_low > 0)

    walk = offset_high < road.half_width + road.walk
    kind = np.where(walk, np.int16(Material.PAVING), np.int16(Material.SOIL))
    near_rows = int(np.searchsorted(-low[:, 0], -_MARKINGS_SEEN))
    painted = np.zeros(x.shape, bool)
    painted[near_rows:] = _marked(road, x[near_rows:], offset[near_rows:])
    flat = np.where(painted, np.int16(Material.MARKING), np.int16(Material.ASPHALT))
    surface[first:] = np.where(raised, kind, np.where(kerb, np.int16(Material.KERB), flat))
    depth[first:] = np.where(raised, high, low)
    _cast_kerb(road, camera, (dx, dy), (high, low), kerb, depth[first:])
    return first


def middle_offset(road: Road, x: Array, y: Array) -> Array:
    """Offset to the left of the road's middle, in metres."""
    offset: Array = y - np.float32(road.curvature / 2) * x * x
    return offset


def ground_height(road: Road, x: Array, y: Array) -> Array:
    """How high the ground is there, in metres: road or all beside it."""
    beyond = _beyond_kerb(road, x, np.abs(middle_offset(road, x, y)))
    return np.where(beyond > 0, np.float32(road.kerb), np.float32(0))


def _beyond_kerb(road: Road, x: Array, offset: Array) -> Array:
    """Positive on raised ground, negative on the road and side street; continuous, metres."""
    beyond = offset - np.float32(road.half_width)
    if road.side_street is None:
        return beyond
    start, end = road.side_street
    values: Array = np.minimum(beyond, np.maximum(start - x, x - end))
    return values


def _cast_kerb(
    road: Road,
    camera: Camera,
    directions: tuple[Array, Array],
    between: tuple[Array, Array],
    kerb: NDArray[np.bool_],
    depth: Array,
) -> None:
    """Rays that pass from above the road into raised ground: bisect to the face."""
    places = np.flatnonzero(kerb)
    if not len(places):
        return
    dx, dy = directions[0].ravel()[places], directions[1].ravel()[places]
    rows = places // kerb.shape[1]
    outside, inside = between[0][rows, 0], between[1][rows, 0]
    for _ in range(14):
        middle = (outside + inside) * np.float32(0.5)
        x, y = camera.x + middle * dx, camera.y + middle * dy
        within = _beyond_kerb(road, x, np.abs(middle_offset(road, x, y))) > 0
        inside = np.where(within, middle, inside)
        outside = np.where(within, outside, middle)
    depth[rows, places % kerb.shape[1]] = inside


def _marked(road: Road, x: Array, offset: Array) -> NDArray[np.bool_]:
    """Where the road is painted."""
    painted = np.zeros(x.shape, bool)
    for line in road.lines:
        painted |= _on_line(line, x, offset)
    inside = np.abs(offset) < road.half_width
    if road.side_street is not None:
        start, end = road.side_street
        painted &= (x < start) | (x > end)
    if road.zebra is not None:
        start, end = road.zebra
        painted |= (x > start) & (x < end) & inside & (fraction(offset * np.float32(0.9)) < 0.5)
    if road.stop_line is not None:
        start, end = road.stop_line
        painted |= (x > start) & (x < end) & (offset < 0) & inside
    return painted


def _on_line(line: Line, x: Array, offset: Array) -> NDArray[np.bool_]:
    on: NDArray[np.bool_] = np.abs(offset - np.float32(line.offset)) < line.width / 2
    if line.period:
        on &= fraction(x * np.float32(1 / line.period)) < line.dash / line.period
    return on
