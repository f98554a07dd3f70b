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
        seen = radiance(self.world, self._tables[1], time, camera, rays, hits)
        light = self.world.light
        return expose(light, filtered(seen), light.exposure_before if time < 0 else 1.0, noise)


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
