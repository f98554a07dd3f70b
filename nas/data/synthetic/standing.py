"""Stixels: per column of a picture, where the nearest obstacle stands and how high it reaches."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic.camera import NEAREST, Camera
from nas.data.synthetic.casting import ground_height
from nas.data.synthetic.render import View
from nas.data.synthetic.world import CLASSES, Road, World

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]
#: Everything that stands.
OBSTACLES = ("building", "vegetation", "pole", "vehicle", "pedestrian")
#: Metres. What hangs higher, as a tree's crown or a sign, lets a car pass beneath and ends nothing.
CLEARANCE = 1.5
#: Metres. What stands farther away is no obstacle yet: as depth, stixels end here.
FARTHEST = 80.0
#: What the label says of a column without an obstacle, and of one that nobody can see.
FREE, UNKNOWN = 2.0, -1.0
_SAME = 1.01, 0.05  # share and metres within which points are as near as the nearest
_MOSTLY = 0.5  # share of hidden pixels above which a stixel is not to be seen
_STANDS = np.array([name in OBSTACLES for name in CLASSES])


def stixels(world: World, camera: Camera, view: View, hidden: Mask) -> NDArray[np.float32]:
    """Base and top of each column's nearest obstacle, ``(2, W)``, as shares of the height.

    The nearest obstacle is that with the visible point which is nearest along the road, of those
    less than `CLEARANCE` above the ground. The base is the ground right beneath this point, also
    where something else or the picture's edge hides it (below the picture: 1). The top is where
    the unbroken run of the thing's pixels in the column ends. `FREE` where there is no obstacle,
    `UNKNOWN` where most of the stixel (or of the free column) is ``hidden`` ``(H, W)``.
    """
    height = len(view.depth)
    distance, above = _places(camera, view.depth)
    stands = _STANDS[view.class_id] & (above < CLEARANCE) & (distance < FARTHEST)
    distance = np.where(stands, distance, np.inf)
    nearest = distance.min(axis=0)
    lowest = height - 1 - np.argmax(distance[::-1] <= nearest * _SAME[0] + _SAME[1], axis=0)
    top = _run_top(view.object_id, lowest)
    seen_to = np.where(np.isinf(nearest), height, lowest + 1)
    first = np.where(np.isinf(nearest), 0, top)
    base = np.clip(_feet(world.road, camera, view.depth, lowest), top / height, 1.0)
    label = np.where(np.isinf(nearest), FREE, np.stack([base, top / height]))
    label[:, _hidden_share(hidden, first, seen_to) > _MOSTLY] = UNKNOWN
    return label.astype(np.float32)


def _places(camera: Camera, depth: NDArray[np.float32]) -> tuple[Array, Array]:
    """Of all pixels, metres ahead along the ground and above the road, ``(H, W)`` each.

    The camera never rolls: per metre of depth both are the same in a whole row.
    """
    height, width = depth.shape
    down = (np.arange(height) + 0.5 - height / 2)[:, None] / (camera.focal * width)
    sine, cosine = math.sin(camera.pitch), math.cos(camera.pitch)
    return depth * (cosine + sine * down), camera.z + depth * (sine - cosine * down)


def _run_top(object_id: NDArray[np.int16], lowest: NDArray[np.intp]) -> NDArray[np.intp]:
    """First row ``(W,)`` of the unbroken run of one thing that ends in the row ``lowest``."""
    height, width = object_id.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    other = (object_id != object_id[lowest, columns]) & (rows < lowest)
    top: NDArray[np.intp] = np.where(other, rows + 1, 0).max(axis=0)
    return top


def _feet(road: Road, camera: Camera, depth: NDArray[np.float32], rows: NDArray[np.intp]) -> Array:
    """Where the pictured ground beneath one pixel a column is, ``(W,)`` in frame heights."""
    height, width = depth.shape
    columns = np.arange(width)
    focal = camera.focal * width
    away = depth[rows, columns].astype(np.float64)
    right = (columns + 0.5 - width / 2) / focal * away
    down = (rows + 0.5 - height / 2) / focal * away
    points = np.stack([right, down, away], axis=-1) @ camera.rotation.T + camera.position
    x, y = points[:, 0].astype(np.float32), points[:, 1].astype(np.float32)
    points[:, 2] = ground_height(road, x, y)
    _, down, away = camera.to_camera(points).T
    below = down / np.maximum(away, NEAREST) * focal / height
    return np.where(away > NEAREST, below + 0.5, 1.0)


def _hidden_share(hidden: Mask, first: NDArray[np.intp], end: NDArray[np.intp]) -> Array:
    """Share ``(W,)`` of each column's rows from ``first`` to before ``end`` that are hidden."""
    rows = np.arange(len(hidden))[:, None]
    inside = (rows >= first) & (rows < end)
    share: Array = (hidden & inside).sum(axis=0) / np.maximum(inside.sum(axis=0), 1)
    return share
