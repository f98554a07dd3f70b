"""Tables of all surfaces of a world, so that pixels carry one small number each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic.solids import Convex, Ellipsoid, Vector
from nas.data.synthetic.world import CLASSES, GROUND, Colour, Material, Part, Thing, World

Array = NDArray[np.float32]
_UP = (0.0, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class PartTable:
    """The shapes of a world in one list: ``P`` entries, poses at time 0, metres and radians.

    ``first`` is the number of the part's first surface, ``corners`` ``(P, 8, 3)`` its bounding
    box in the world, ``velocity`` ``(P, 3)`` in m/s.
    """

    parts: tuple[Part, ...]
    things: tuple[Thing, ...]
    first: tuple[int, ...]
    corners: NDArray[np.float64]
    velocity: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SurfaceTable:
    """What is known of each surface: ``S`` entries, the ground's and the sky's first.

    ``thing`` is -1 for ground and sky, ``normal`` is in the world (0 where it is curved),
    ``centre`` and ``radii`` belong to ellipsoids, ``axles`` (front, rear, radius, top) to
    vehicles; ``reach`` is the half length and half width of the shape.
    """

    material: NDArray[np.uint8]
    class_id: NDArray[np.uint8]
    thing: NDArray[np.int16]
    face: NDArray[np.int16]
    pattern: NDArray[np.int32]
    normal: Array  # (3, S)
    colour: Array  # (3, S)
    accent: Array  # (3, S)
    detail: Array  # (2, S)
    centre: Array  # (3, S)
    radii: Array  # (3, S)
    axles: Array  # (4, S)
    reach: Array  # (2, S)


@dataclass
class _Row:
    """One surface while the table is built."""

    material: Material
    class_id: int
    thing: int = -1
    face: int = 0
    pattern: int = 0
    normal: Vector = _UP
    colour: Colour = (0.0, 0.0, 0.0)
    accent: Colour = (0.0, 0.0, 0.0)
    detail: tuple[float, float] = (0.0, 0.0)
    centre: Vector = (0.0, 0.0, 0.0)
    radii: Vector = (1.0, 1.0, 1.0)
    axles: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    reach: tuple[float, float] = (0.0, 0.0)


def tabulate(world: World) -> tuple[PartTable, SurfaceTable]:
    """Both tables of a world."""
    rows = [_Row(material, CLASSES.index(name)) for material, name in GROUND.items()]
    parts: list[Part] = []
    owners: list[Thing] = []
    first: list[int] = []
    for number, thing in enumerate(world.things):
        for part in thing.parts:
            parts.append(part)
            owners.append(thing)
            first.append(len(rows))
            rows += [_row(number, thing, part, face) for face in range(part.solid.faces)]
    return _part_table(parts, owners, first), _surface_table(rows)


def _row(number: int, thing: Thing, part: Part, face: int) -> _Row:
    row = _Row(part.material, CLASSES.index(thing.kind), number, face, thing.pattern, _NO_NORMAL)
    row.colour, row.accent, row.detail = part.colour, part.accent, part.detail
    solid = part.solid
    row.reach = (solid.high[0], solid.high[1])
    if isinstance(solid, Convex):
        nx, ny, nz, _ = solid.planes[face]
        cos, sin = math.cos(thing.yaw), math.sin(thing.yaw)
        row.normal = (cos * nx - sin * ny, sin * nx + cos * ny, nz)
        if solid.wheels is not None:
            wheels = solid.wheels
            row.axles = (wheels.front, wheels.rear, wheels.radius, solid.high[2])
        else:
            row.axles = (0.0, 0.0, 0.0, solid.high[2])
    elif isinstance(solid, Ellipsoid):
        row.centre, row.radii = solid.centre, solid.radii
    if part.material is Material.CLOTH:
        face_tone = part.detail[0]
        head = (face_tone, face_tone * 0.75, face_tone * 0.6)
        row.colour = (head, part.colour, part.accent)[face]
        row.normal = (-math.cos(thing.yaw) * 0.5, -math.sin(thing.yaw) * 0.5, 0.5)
    return row


def _part_table(parts: list[Part], owners: list[Thing], first: list[int]) -> PartTable:
    low = np.array([part.solid.low for part in parts]).reshape(-1, 3)
    high = np.array([part.solid.high for part in parts]).reshape(-1, 3)
    bits = np.arange(8)[:, None] >> np.arange(3) & 1  # (8, 3)
    local = np.where(bits[None], high[:, None], low[:, None])  # (P, 8, 3)
    poses = np.array([(t.x, t.y, t.yaw, t.speed, t.course) for t in owners]).reshape(-1, 5)
    x, y, yaw, speed, course = poses.T[:, :, None]
    cos, sin = np.cos(yaw), np.sin(yaw)
    corners = np.stack(
        [
            x + cos * local[..., 0] - sin * local[..., 1],
            y + sin * local[..., 0] + cos * local[..., 1],
            local[..., 2],
        ],
        axis=-1,
    )
    velocity = np.concatenate([speed * np.cos(course), speed * np.sin(course), 0 * speed], axis=1)
    return PartTable(
        parts=tuple(parts),
        things=tuple(owners),
        first=tuple(first),
        corners=corners,
        velocity=velocity,
    )


def _surface_table(rows: list[_Row]) -> SurfaceTable:
    def columns(values: list[tuple[float, ...]]) -> Array:
        return np.ascontiguousarray(np.array(values, np.float32).T)

    return SurfaceTable(
        material=np.array([row.material for row in rows], np.uint8),
        class_id=np.array([row.class_id for row in rows], np.uint8),
        thing=np.array([row.thing for row in rows], np.int16),
        face=np.array([row.face for row in rows], np.int16),
        pattern=np.array([row.pattern for row in rows], np.int32),
        normal=columns([row.normal for row in rows]),
        colour=columns([row.colour for row in rows]),
        accent=columns([row.accent for row in rows]),
        detail=columns([row.detail for row in rows]),
        centre=columns([row.centre for row in rows]),
        radii=columns([row.radii for row in rows]),
        axles=columns([row.axles for row in rows]),
        reach=columns([row.reach for row in rows]),
    )


_NO_NORMAL = (0.0, 0.0, 0.0)
