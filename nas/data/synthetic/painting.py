"""What colour each surface shows: its own texture, in metres, times the light on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic.casting import middle_offset
from nas.data.synthetic.noise import FRACTAL, fraction, hashed
from nas.data.synthetic.surfaces import SurfaceTable
from nas.data.synthetic.world import Colour, Material, World

Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Spots:
    """``n`` places on surfaces of one material.

    ``x, y, z`` in the world, ``u, v, w`` in the thing's axes (forward, left, up), metres;
    ``footprint`` is the size of a pixel there; ``surface`` the number in the table.
    """

    x: Array
    y: Array
    z: Array
    u: Array
    v: Array
    w: Array
    footprint: Array
    surface: NDArray[np.int16]


def column(colour: Colour) -> Array:
    """A colour as ``(3, 1)``."""
    return np.array([colour], np.float32).T


def _of(values: Array, spots: Spots) -> Array:
    """What a table ``(..., S)`` has for the surface at each spot, ``(..., n)``."""
    found: Array = values.take(spots.surface, axis=-1)
    return found


def asphalt(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Grain and patches."""
    ground = world.ground
    fine = FRACTAL.at(spots.x, spots.y, spots.footprint, 0.04, ground.pattern)
    patches = FRACTAL.at(spots.x, spots.y, spots.footprint, 0.5, ground.pattern + 77)
    tone = 1 + ground.contrast * (fine + 0.9 * patches)
    return column(ground.asphalt) * np.maximum(tone, 0.3)


def marking(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Paint, worn where the noise says so."""
    ground = world.ground
    wear = FRACTAL.at(spots.x, spots.y, spots.footprint, 0.06, ground.pattern + 33)
    kept = np.clip(1.0 - ground.wear * (1.0 + wear), 0.25, 1.0)
    base = asphalt(world, table, spots)
    values: Array = base + (column(ground.marking) - base) * kept
    return values


def paving(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Slabs with joints and a tone each; the joints fade where they get thinner than a pixel."""
    ground = world.ground
    offset = middle_offset(world.road, spots.x, spots.y)
    along, across = spots.x / ground.slab + 512, offset / ground.slab + 512
    slab, strip = along.astype(np.int32), across.astype(np.int32)
    sharp = np.clip(1.5 - 6 * spots.footprint / ground.slab, 0, 1)
    joint = ((along - slab < 0.08) | (across - strip < 0.08)) * sharp
    fine = FRACTAL.at(spots.x, spots.y, spots.footprint, 0.05, ground.pattern + 5)
    stain = FRACTAL.at(spots.x, spots.y, spots.footprint, 0.6, ground.pattern + 9)
    tone = 1 + 0.2 * (hashed(slab * 57 + strip) - 0.5) * sharp - 0.35 * joint
    values: Array = column(ground.paving) * np.maximum(
        tone + ground.contrast * (0.7 * fine + stain), 0.3
    )
    return values


def kerb(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Kerbstones, a little lighter than the pavement."""
    fine = FRACTAL.at(spots.x, spots.z, spots.footprint, 0.1, world.ground.pattern)
    return column(world.ground.paving) * (1.15 + 0.15 * fine)


def soil(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Grass and bare earth in patches."""
    ground = world.ground
    fine = FRACTAL.at(spots.x, spots.y, spots.footprint, 0.06, ground.pattern + 1)
    patches = FRACTAL.at(spots.x, spots.y, spots.footprint, 0.4, ground.pattern + 2)
    share = np.clip(0.5 + 0.6 * patches, 0, 1)
    mixed = column(ground.soil) + (column(ground.grass) - column(ground.soil)) * share
    values: Array = mixed * np.maximum(1 + 0.28 * fine, 0.25)
    return values


def facade(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Storeys of windows, each with its own reflection, and a ground floor of its own."""
    face, pattern = table.face.take(spots.surface), table.pattern.take(spots.surface)
    pitch, storey = _of(table.detail, spots)
    along = np.where(face < 2, spots.v, spots.u)
    cell_u, cell_v = along / pitch + 64, spots.w / storey
    window, floor = cell_u.astype(np.int32), cell_v.astype(np.int32)
    in_u, in_v = np.abs(cell_u - window - 0.5), np.abs(cell_v - floor - 0.52)
    wide = np.float32(0.2) + np.float32(0.02) * (pattern & 7).astype(np.float32)
    open_here = (in_u < wide) & (in_v < 0.3) & (face < 4)
    sharp = np.clip(1.7 - 2.5 * spots.footprint / pitch, 0, 1)
    share = np.where(face < 4, open_here * sharp + np.float32(0.3) * (1 - sharp), np.float32(0))
    chance = hashed(window * 131 + floor * 7919 + pattern)
    grain = FRACTAL.at(along, spots.w, spots.footprint, 0.12, pattern)
    tone = np.where(floor == 0, np.float32(0.85), np.float32(1)) * np.maximum(1 + 0.13 * grain, 0.3)
    wall = _of(table.colour, spots) * tone
    mirror = (column(world.light.zenith) * 0.35) * (chance > 0.6)
    glass = _of(table.accent, spots) * (0.4 + 1.2 * chance) + mirror
    painted: Array = wall + (glass - wall) * share
    return painted


def roof(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Rows of tiles."""
    grain = FRACTAL.at(
        spots.u, spots.w * 3, spots.footprint, 0.15, table.pattern.take(spots.surface)
    )
    values: Array = _of(table.colour, spots) * np.maximum(1 + 0.22 * grain, 0.3)
    return values


def paint(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """A vehicle's body: paint, dirt below, lamps and plate at the ends, wheels, a window band."""
    face, (lamps, band) = table.face.take(spots.surface), _of(table.detail, spots)
    front, rear, radius, top = _of(table.axles, spots)
    half = _of(table.reach[1], spots)
    dirt = FRACTAL.at(
        spots.u + spots.v, spots.w, spots.footprint, 0.1, table.pattern.take(spots.surface)
    )
    height = spots.w / top
    tone = np.clip(0.55 + 1.1 * height, 0.5, 1.0) * (1 + 0.07 * dirt)
    colour = _of(table.colour, spots) * tone
    ends, sides = face < 2, (face == 2) | (face == 3)

    def put(where: NDArray[np.bool_], value: Array) -> None:
        np.copyto(colour, value, where=where)

    glass = _of(table.accent, spots) + column(world.light.horizon) * 0.12
    pillars = fraction(spots.u * np.float32(1 / 1.4)) > 0.12
    in_band = (band > 0) & (spots.w > band) & (height < 0.9) & (face < 4)
    put(in_band & (ends | pillars), glass)
    lamp = ends & (np.abs(spots.v) > 0.58 * half) & (np.abs(spots.w - 0.72) < 0.1)
    put(lamp & (face == 1), column((0.75, 0.04, 0.03)) * lamps)
    put(lamp & (face == 0), column((0.9, 0.88, 0.8)) * lamps)
    put(ends & (np.abs(spots.v) < 0.27) & (np.abs(spots.w - 0.5) < 0.07), column((0.6, 0.6, 0.5)))
    tyre, up = column((0.025, 0.025, 0.027)), (spots.w - radius) ** 2
    round_wheel = np.minimum((spots.u - front) ** 2, (spots.u - rear) ** 2) + up
    put(sides & (round_wheel < radius**2), tyre)
    put(sides & (round_wheel < (0.6 * radius) ** 2), column((0.3, 0.3, 0.31)) * lamps)
    put(ends & (spots.w < 0.3), tyre)
    values: Array = colour
    return values


def cabin(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Glass that mirrors some sky, between pillars under a painted roof."""
    face, top = table.face.take(spots.surface), _of(table.axles[3], spots)
    sway = FRACTAL.at(
        spots.u * 0.4, spots.v, spots.footprint, 0.2, table.pattern.take(spots.surface)
    )
    mirror = np.clip(0.12 + 0.1 * sway, 0.02, 0.4)
    glass = _of(table.accent, spots) + column(world.light.horizon) * mirror
    sides = (face == 2) | (face == 3)
    pillar = sides & (np.abs(spots.u + 0.1) < 0.07)
    half = _of(table.reach[1], spots) - 0.08
    pillar |= ~sides & (np.abs(spots.v) > half - 0.16 * 0.6)
    metal = (face == 4) | (spots.w > top - 0.07) | pillar
    return np.where(metal, _of(table.colour, spots), glass)


def leaves(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Clumps of leaves with dark gaps."""
    pattern = table.pattern.take(spots.surface)
    across = spots.u + spots.v
    fine = FRACTAL.at(across, spots.w, spots.footprint, 0.07, pattern)
    clumps = FRACTAL.at(across, spots.w, spots.footprint, 0.3, pattern + 11)
    values: Array = _of(table.colour, spots) * np.clip(1 + 0.38 * fine + 0.25 * clumps, 0.15, 2.2)
    return values


def metal(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Steel or bark, streaked along its height."""
    streaks = FRACTAL.at(
        spots.u + spots.v, spots.w, spots.footprint, 0.08, table.pattern.take(spots.surface)
    )
    values: Array = _of(table.colour, spots) * np.maximum(1 + 0.2 * streaks, 0.3)
    return values


def board(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """A sign: a frame, letters, and a bare back."""
    half, middle = _of(table.detail, spots)
    inner = (np.abs(spots.v) < 0.75 * half) & (np.abs(spots.w - middle) < 0.7 * half)
    letters = (
        FRACTAL.at(spots.v, spots.w, spots.footprint, 0.09, table.pattern.take(spots.surface)) > 0.3
    )
    faced = np.where(inner & letters, _of(table.accent, spots), _of(table.colour, spots))
    return np.where(
        table.face.take(spots.surface) == 1, faced, _of(table.accent, spots) * np.float32(0.6)
    )


def cloth(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Clothes with folds."""
    folds = FRACTAL.at(spots.v, spots.w, spots.footprint, 0.08, table.pattern.take(spots.surface))
    values: Array = _of(table.colour, spots) * np.maximum(1 + 0.2 * folds, 0.3)
    return values


Painter = Callable[[World, SurfaceTable, Spots], Array]
PAINTERS: dict[Material, Painter] = {
    Material.ASPHALT: asphalt,
    Material.MARKING: marking,
    Material.PAVING: paving,
    Material.KERB: kerb,
    Material.SOIL: soil,
    Material.FACADE: facade,
    Material.ROOF: roof,
    Material.PAINT: paint,
    Material.CABIN: cabin,
    Material.LEAVES: leaves,
    Material.METAL: metal,
    Material.BOARD: board,
    Material.CLOTH: cloth,
}


def sky(world: World, dx: Array, dy: Array, dz: Array, footprint: float) -> Array:
    """A gradient from horizon to zenith with clouds on a plane high above."""
    light = world.light
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    rise = np.maximum(dz / length, 0.0)
    share = np.sqrt(np.minimum(rise * 1.8, 1.0))
    colour = column(light.horizon) + (column(light.zenith) - column(light.horizon)) * share
    away = 1 / (rise + np.float32(0.12))
    pixel = away * away * np.float32(footprint)
    clouds = FRACTAL.at(dx / length * away, dy / length * away, pixel, 0.08, world.ground.pattern)
    cover = np.clip(clouds * 0.5 + (light.cloud - 0.25) * 2, 0, 1) * np.float32(
        min(1, 2 * light.cloud)
    )
    bright = column(light.horizon).mean() * (0.95 + 0.12 * clouds)
    mixed: Array = colour + (bright - colour) * cover
    return mixed
