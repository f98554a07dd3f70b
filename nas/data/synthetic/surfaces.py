"""Tables of all surfaces of a world, so that pixels carry one small number each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic.solids import Box, Ellipsoid
from nas.data.synthetic.world import CLASSES, GROUND, Material, Part, Thing, World

Array = NDArray[np.float32]


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


def tabulate(world: World) -> tuple[PartTable, SurfaceTable]:
    """Both tables of a world."""
    owned = [(thing, part) for thing in world.things for part in thing.parts]
    things, parts = tuple(thing for thing, _ in owned), tuple(part for _, part in owned)
    faces = [len(part.solid.normals) for part in parts]
    first = [len(GROUND), *(len(GROUND) + np.cumsum(faces)).tolist()]
    part_table = PartTable(
        parts=parts,
        things=things,
        first=tuple(first[:-1]),
        corners=_corners(parts, things),
        velocity=_velocity(things),
    )
    return part_table, _surface_table(world, parts, things, faces)


def _corners(parts: tuple[Part, ...], things: tuple[Thing, ...]) -> NDArray[np.float64]:
    """Bounding boxes ``(P, 8, 3)`` in the world at time 0."""
    low = np.array([part.solid.low for part in parts]).reshape(-1, 1, 3)
    high = np.array([part.solid.high for part in parts]).reshape(-1, 1, 3)
    bits = np.arange(8)[:, None] >> np.arange(3) & 1  # (8, 3)
    u, v, w = np.moveaxis(np.where(bits[None], high, low), -1, 0)  # (P, 8) each
    poses = np.array([(thing.x, thing.y, thing.yaw) for thing in things]).reshape(-1, 3)
    x, y, yaw = poses.T[:, :, None]
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.stack([x + cos * u - sin * v, y + sin * u + cos * v, w], axis=-1)


def _velocity(things: tuple[Thing, ...]) -> NDArray[np.float64]:
    """``(P, 3)`` in m/s."""
    rows = [
        (thing.speed * math.cos(thing.course), thing.speed * math.sin(thing.course), 0.0)
        for thing in things
    ]
    return np.array(rows).reshape(-1, 3)


def _surface_table(
    world: World, parts: tuple[Part, ...], things: tuple[Thing, ...], faces: list[int]
) -> SurfaceTable:
    """One row a part, repeated for each of its faces, below the rows of ground and sky."""
    number = {id(thing): index for index, thing in enumerate(world.things)}
    numbers = [
        (part.material, CLASSES.index(thing.kind), number[id(thing)], thing.pattern)
        for thing, part in zip(things, parts, strict=True)
    ]
    ground = [(material, CLASSES.index(name), -1, 0) for material, name in GROUND.items()]
    counts = np.array([1] * len(ground) + faces)
    material, class_id, thing_id, pattern = np.repeat(np.array(ground + numbers).T, counts, axis=1)
    shapes = [(0.0,) * _COLUMNS] * len(ground) + [_shape(part) for part in parts]
    columns = np.repeat(np.array(shapes, np.float32).T, counts, axis=1)
    face = np.concatenate([np.zeros(len(ground), int), *(np.arange(count) for count in faces)])
    colour, accent = columns[0:3], columns[3:6]
    _dress_figures(material, face, colour, accent, columns[6])
    return SurfaceTable(
        material=material.astype(np.uint8),
        class_id=class_id.astype(np.uint8),
        thing=thing_id.astype(np.int16),
        face=face.astype(np.int16),
        pattern=pattern.astype(np.int32),
        normal=_normals(parts, things, len(ground)),
        colour=colour,
        accent=accent,
        detail=columns[6:8],
        centre=columns[8:11],
        radii=columns[11:14],
        axles=columns[14:18],
        reach=columns[18:20],
    )


_COLUMNS = 20


def _shape(part: Part) -> tuple[float, ...]:
    """The columns of `_surface_table` that a part fills, in order."""
    solid = part.solid
    wheels = solid.wheels if isinstance(solid, Box) else None
    centre, radii = (
        (solid.centre, solid.radii)
        if isinstance(solid, Ellipsoid)
        else ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    )
    axles = (wheels.front, wheels.rear, wheels.radius) if wheels else (0.0, 0.0, 0.0)
    reach = (solid.high[2], solid.high[0], solid.high[1])
    return (*part.colour, *part.accent, *part.detail, *centre, *radii, *axles, *reach)


def _dress_figures(
    material: NDArray[np.int64], face: NDArray[np.int64], colour: Array, accent: Array, tone: Array
) -> None:
    """Heads (face 0) in skin, legs (face 2) in the second colour; the trunk keeps the first."""
    cloth = material == Material.CLOTH
    head, legs = cloth & (face == 0), cloth & (face == 2)
    colour[:, head] = tone[head] * np.array([[1.0], [0.75], [0.6]], np.float32)
    colour[:, legs] = accent[:, legs]


def _normals(parts: tuple[Part, ...], things: tuple[Thing, ...], ground: int) -> Array:
    """Outward normals ``(3, S)`` in the world; 0 on curved surfaces, up on ground and sky."""
    local: list[tuple[float, ...]] = [(0.0, 0.0, 1.0, 0.0)] * ground
    for thing, part in zip(things, parts, strict=True):
        local += [(*normal, thing.yaw) for normal in part.solid.normals]
    nx, ny, nz, yaw = np.array(local).T
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.stack([cos * nx - sin * ny, sin * nx + cos * ny, nz]).astype(np.float32)
