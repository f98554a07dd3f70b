"""The light that comes along each ray: what is seen there, lit, behind haze."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic import lighting
from nas.data.synthetic.camera import Camera, Rays
from nas.data.synthetic.casting import Hits
from nas.data.synthetic.painting import PAINTERS, Spots, column, sky
from nas.data.synthetic.surfaces import SurfaceTable
from nas.data.synthetic.world import Material, World

Array = NDArray[np.float32]
_CURVED = (Material.LEAVES, Material.METAL)
_FOG_LAYER = 60.0  # metres from the ground to where fog ends
_LIT_BY_ROWS = (Material.FACADE, Material.ROOF)  # houses do not shade houses


def radiance(
    world: World, table: SurfaceTable, time: float, camera: Camera, rays: Rays, hits: Hits
) -> Array:
    """Light ``(3, R, C)`` that comes along each ray, linear."""
    ground = lighting.on_ground(world, time, camera, rays, hits)
    depth, surface = hits.depth, hits.surface
    flat = tuple(np.broadcast_to(d, depth.shape).ravel() for d in (rays.dx, rays.dy, rays.dz))
    depth, surface = depth.ravel(), surface.ravel()
    material = table.material.take(surface)
    colour = np.empty((3, depth.size), np.float32)
    poses = _poses(world, time)
    counts = np.bincount(material, minlength=len(Material))
    order = np.argsort(material, kind="stable")
    ends = np.cumsum(counts)
    for kind in Material:
        rows = order[ends[kind] - counts[kind] : ends[kind]]
        if not len(rows):
            continue
        dx, dy, dz = (d.take(rows) for d in flat)
        if kind is Material.SKY:
            _put(colour, rows, _sky(world, dx, dy, dz, rays.step))
            continue
        spots = _spots(
            kind, camera, rays, (dx, dy, dz), depth.take(rows), surface.take(rows), table, poses
        )
        own = PAINTERS[kind](world, table, spots)
        sun_share = _sun_share(world, table, kind, spots)
        sky_share = 0.65 + 0.35 * table.normal[2].take(spots.surface)
        if kind <= Material.SOIL:
            sun_share = sun_share * ground.sun.ravel().take(rows)
            sky_share = sky_share * ground.sky.ravel().take(rows)
        lit = own * (column(world.light.ambient) * sky_share + column(world.light.sun) * sun_share)
        haze = np.exp(depth.take(rows) * np.float32(-1 / world.light.visibility))
        air = _air(world)
        _put(colour, rows, air + (lit - air) * haze)
    return colour.reshape(3, *hits.depth.shape)


def _air(world: World) -> Array:
    """What is seen through endless air, ``(3, 1)``."""
    return column(world.light.horizon) * 0.8


def _sky(world: World, dx: Array, dy: Array, dz: Array, footprint: float) -> Array:
    """The sky, behind a layer of fog if there is one; thinner haze is in its own gradient."""
    above = sky(world, dx, dy, dz, footprint)
    if world.light.weather != "fog":
        return above
    rise = np.maximum(dz / np.sqrt(dx * dx + dy * dy + dz * dz), np.float32(1e-3))
    air, seen = _air(world), np.exp(np.float32(-_FOG_LAYER / world.light.visibility) / rise)
    foggy: Array = air + (above - air) * seen
    return foggy


def _put(colour: Array, places: NDArray[np.intp], values: Array) -> None:
    """Write ``(3, n)`` to places; channel by channel, which takes a quarter of the time."""
    for channel, value in zip(colour, values, strict=True):
        channel[places] = value


def _poses(world: World, time: float) -> Array:
    """``(4, things)``: x, y, cosine and sine of the yaw."""
    rows = [(*thing.at(time), thing.yaw) for thing in world.things]
    x, y, yaw = np.array(rows).reshape(-1, 3).T
    return np.stack([x, y, np.cos(yaw), np.sin(yaw)]).astype(np.float32)


def _spots(
    kind: Material,
    camera: Camera,
    rays: Rays,
    directions: tuple[Array, Array, Array],
    depth: Array,
    surface: NDArray[np.int16],
    table: SurfaceTable,
    poses: Array,
) -> Spots:
    dx, dy, dz = directions
    x, y, z = camera.x + depth * dx, camera.y + depth * dy, camera.z + depth * dz
    footprint = depth * np.float32(0.7 * rays.step)
    if kind <= Material.SOIL:
        footprint *= np.sqrt(depth * np.float32(1 / camera.z))  # seen at a grazing angle
        return Spots(x=x, y=y, z=z, u=x, v=y, w=z, footprint=footprint, surface=surface)
    tx, ty, cos, sin = poses.take(table.thing.take(surface), axis=1)
    rx, ry = x - tx, y - ty
    u, v = cos * rx + sin * ry, cos * ry - sin * rx
    return Spots(x=x, y=y, z=z, u=u, v=v, w=z, footprint=footprint, surface=surface)


def _sun_share(world: World, table: SurfaceTable, kind: Material, spots: Spots) -> Array:
    """Cosine to the sun, 0 in the shadow of the houses."""
    sun = np.array(world.light.sun_direction, np.float32)
    if kind in _CURVED:
        facing = _facing_curved(world, table, spots)
    else:
        facing = np.maximum(sun @ table.normal, 0).take(spots.surface)
    if kind in _LIT_BY_ROWS:
        return facing
    return facing * lighting.beside_houses(world, spots.x, spots.y, spots.z)


def _facing_curved(world: World, table: SurfaceTable, spots: Spots) -> Array:
    """Cosine to the sun on ellipsoids (and, nearly, columns); softened, leaves let light pass."""
    number = spots.surface
    east, north, up = world.light.sun_direction
    yaw = np.array([thing.yaw for thing in world.things], np.float32)
    cos, sin = np.cos(yaw)[table.thing], np.sin(yaw)[table.thing]
    sun_u = (cos * east + sin * north)[number]
    sun_v = (cos * north - sin * east)[number]
    centre, radii = table.centre.take(number, axis=1), table.radii.take(number, axis=1)
    nu, nv, nw = (
        (place - centre[axis]) / radii[axis] ** 2
        for axis, place in enumerate((spots.u, spots.v, spots.w))
    )
    along = nu * sun_u + nv * sun_v + nw * np.float32(up)
    curved = along / np.sqrt(nu * nu + nv * nv + nw * nw + np.float32(1e-6))
    flat = np.array(world.light.sun_direction, np.float32) @ table.normal
    straight = (table.normal != 0).any(axis=0).take(number)
    facing = np.where(straight, flat.take(number), curved)
    return np.clip(0.25 + 0.75 * facing, 0.1, 1).astype(np.float32)
