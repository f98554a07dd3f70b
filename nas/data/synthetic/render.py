"""Renders a world at a time: a picture, and exactly what each pixel's centre shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic import lighting
from nas.data.synthetic.camera import Camera, Rays, cast_rays
from nas.data.synthetic.casting import Hits, cast
from nas.data.synthetic.painting import PAINTERS, Spots, column, sky
from nas.data.synthetic.surfaces import PartTable, SurfaceTable, tabulate
from nas.data.synthetic.world import Material, World
from nas.resolution import Resolution

Array = NDArray[np.float32]
#: Nothing of what is on the ground or in the sky is an object.
NO_OBJECT = -1
_CURVED = (Material.LEAVES, Material.METAL)
_LIT_BY_ROWS = (Material.FACADE, Material.ROOF)  # houses do not shade houses


@dataclass(frozen=True, kw_only=True)
class View:
    """A rendered picture: ``image`` ``(H, W, 3)`` uint8 RGB, the rest ``(H, W)``.

    ``class_id`` indexes `CLASSES`, ``depth`` is along the optical axis in metres (0: sky),
    ``object_id`` indexes ``world.things`` (-1: none), ``moving`` is 1 on what moves, else 0.
    """

    image: NDArray[np.uint8]
    class_id: NDArray[np.uint8]
    depth: Array
    object_id: NDArray[np.int16]
    moving: NDArray[np.uint8]


class Renderer:
    """A world made ready to be rendered, at as many times as wanted."""

    def __init__(self, world: World) -> None:
        self.world = world

    @cached_property
    def _tables(self) -> tuple[PartTable, SurfaceTable]:
        return tabulate(self.world)

    def view(
        self, time: float, camera: Camera, resolution: Resolution, noise: np.random.Generator
    ) -> View:
        """Everything of one picture; ``noise`` is the sensor's."""
        rays, hits = self._cast(time, camera, resolution)
        _, table = self._tables
        surface = hits.surface[1::2, 1::2]
        depth = hits.depth[1::2, 1::2]
        objects = table.thing[surface]
        moves = np.array([thing.speed > 0 for thing in self.world.things] + [False], np.uint8)
        return View(
            image=self._image(time, camera, rays, hits, noise),
            class_id=table.class_id[surface],
            depth=np.where(np.isfinite(depth), depth, np.float32(0)),
            object_id=objects,
            moving=moves[objects],
        )

    def image(
        self, time: float, camera: Camera, resolution: Resolution, noise: np.random.Generator
    ) -> NDArray[np.uint8]:
        """The picture alone."""
        rays, hits = self._cast(time, camera, resolution)
        return self._image(time, camera, rays, hits, noise)

    def _cast(self, time: float, camera: Camera, resolution: Resolution) -> tuple[Rays, Hits]:
        rays = cast_rays(camera, resolution)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return rays, cast(self.world.road, self._tables[0], time, camera, rays)

    def _image(
        self, time: float, camera: Camera, rays: Rays, hits: Hits, noise: np.random.Generator
    ) -> NDArray[np.uint8]:
        light = _radiance(self.world, self._tables[1], time, camera, rays, hits)
        before = self.world.light.exposure_before if time < 0 else 1.0
        return _expose(self.world, _filtered(light), before, noise)


def render_frame(
    world: World,
    time: float,
    camera: Camera,
    resolution: Resolution,
    noise: np.random.Generator | None = None,
) -> View:
    """Render a world once, from any camera; without a generator the sensor noise has seed 0."""
    generator = np.random.Generator(np.random.PCG64(0)) if noise is None else noise
    return Renderer(world).view(time, camera, resolution, generator)


def _radiance(
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
            _put(colour, rows, sky(world, dx, dy, dz, rays.step))
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
        air = column(world.light.horizon) * 0.8
        _put(colour, rows, air + (lit - air) * haze)
    return colour.reshape(3, *hits.depth.shape)


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
    depth, surface = hits.depth, hits.surface
    flat = np.array(world.light.sun_direction, np.float32) @ table.normal
    straight = (table.normal != 0).any(axis=0).take(number)
    facing = np.where(straight, flat.take(number), curved)
    return np.clip(0.25 + 0.75 * facing, 0.1, 1).astype(np.float32)


def _filtered(light: Array) -> Array:
    """Pixels ``(3, H, W)`` from rays half a pixel apart: a tent as wide as two pixels."""
    half = np.float32(0.5)
    rows = light[:, 1:-1:2] + (light[:, :-2:2] + light[:, 2::2]) * half
    both = rows[..., 1:-1:2] + (rows[..., :-2:2] + rows[..., 2::2]) * half
    return both * np.float32(0.25)


def _expose(
    world: World, light: Array, factor: float, noise: np.random.Generator
) -> NDArray[np.uint8]:
    """The sensor: vignette, exposure, square-root response, noise; ``(H, W, 3)``.

    Under a square-root response photon noise is the same at every brightness.
    """
    height, width = light.shape[1:]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2 * (height / width) ** 2
    across = np.linspace(-1, 1, width, dtype=np.float32) ** 2
    falloff = 1 - np.float32(world.light.vignette) * (down + across)
    exposed = light * (column(world.light.exposure) * np.float32(factor))[:, None]
    pixels = np.sqrt(np.maximum(exposed * falloff, 0)) * np.float32(255)
    grain = noise.standard_normal(pixels.shape, dtype=np.float32)
    pixels += grain * np.float32(world.light.noise)
    return np.ascontiguousarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0))
