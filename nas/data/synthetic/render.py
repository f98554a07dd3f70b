"""Renders a world at a time: a picture, and exactly what each pixel's centre shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic.camera import Camera, Rays, cast_rays
from nas.data.synthetic.casting import Hits, cast
from nas.data.synthetic.radiance import radiance
from nas.data.synthetic.sensor import expose, filtered
from nas.data.synthetic.soiling import Dirt, classified, soiled
from nas.data.synthetic.surfaces import PartTable, SurfaceTable, tabulate
from nas.data.synthetic.world import World
from nas.resolution import Resolution

Array = NDArray[np.float32]
#: Nothing of what is on the ground or in the sky is an object.
NO_OBJECT = -1


@dataclass(frozen=True, kw_only=True)
class View:
    """A rendered picture: ``image`` ``(H, W, 3)`` uint8 RGB, the rest ``(H, W)``.

    ``class_id`` indexes `CLASSES`, ``depth`` is along the optical axis in metres (0: sky),
    ``object_id`` indexes ``world.things`` (-1: none), ``moving`` is 1 on what moves, else 0.
    All this is as if the lens was clean; ``soiling`` indexes `SOILING`.
    """

    image: NDArray[np.uint8]
    class_id: NDArray[np.uint8]
    depth: Array
    object_id: NDArray[np.int16]
    moving: NDArray[np.uint8]
    soiling: NDArray[np.uint8]


class Renderer:
    """A world made ready to be rendered, at as many times as wanted, through a clean or a soiled
    lens.
    """

    def __init__(self, world: World, dirt: Dirt | None = None) -> None:
        self.world = world
        self._dirt = dirt
        self._densities: dict[Resolution, Array] = {}

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
            soiling=classified(self._density(resolution)),
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
        seen = radiance(self.world, self._tables[1], time, camera, rays, hits)
        light, picture = self.world.light, filtered(seen)
        if self._dirt is not None:
            picture = soiled(picture, self._density(rays.resolution), self._dirt, light)
        return expose(light, picture, light.exposure_before if time < 0 else 1.0, noise)

    def _density(self, resolution: Resolution) -> Array:
        """How much the dirt takes of each pixel's light: the same at all times."""
        if resolution not in self._densities:
            clean = np.zeros((resolution.height, resolution.width), np.float32)
            self._densities[resolution] = (
                clean if self._dirt is None else self._dirt.density(resolution)
            )
        return self._densities[resolution]


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
