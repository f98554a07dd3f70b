"""Poses against points of the world that both cameras see."""

import dataclasses
import math
from collections.abc import Iterator
from itertools import islice

import numpy as np

from nas.data.synthetic import SyntheticSource
from nas.data.synthetic.camera import Camera
from nas.data.synthetic.egomotion import relative_pose
from nas.data.synthetic.render import Renderer
from nas.data.synthetic.world import World
from nas.resolution import Resolution

SOURCE = SyntheticSource(seed=2)
EYE = Camera(x=1.0, y=-2.0, z=1.4, yaw=0.2, pitch=-0.05, focal=0.6)


def rotation(vector: np.ndarray) -> np.ndarray:
    """The exponential of the cross product's matrix, as a power series."""
    x, y, z = vector
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    total, term = np.eye(3), np.eye(3)
    for power in range(1, 25):
        term = term @ cross / power
        total = total + term
    return total


def test_a_point_of_the_world_goes_from_one_camera_to_the_other():
    rng = np.random.default_rng(0)
    points = rng.uniform(-20, 20, (50, 3))
    for _ in range(20):
        moved = dict(zip(("x", "y", "z", "yaw", "pitch"), rng.normal(0, 0.4, 5), strict=True))
        other = dataclasses.replace(EYE, **{k: getattr(EYE, k) + v for k, v in moved.items()})
        pose = relative_pose(other, EYE).astype(float)
        seen_before = EYE.to_camera(points) @ rotation(pose[3:]).T + pose[:3]
        np.testing.assert_allclose(seen_before, other.to_camera(points), atol=2e-5)


def test_axes_are_right_down_and_forward_as_seen_by_the_previous_camera():
    level = dataclasses.replace(EYE, yaw=math.pi / 2, pitch=0.0)  # looks along y
    onward = dataclasses.replace(level, y=level.y + 2.0)
    np.testing.assert_allclose(relative_pose(level, onward), [0, 0, 2, 0, 0, 0], atol=1e-6)
    left = dataclasses.replace(level, yaw=level.yaw + 0.1)  # down is the axis: left is negative
    np.testing.assert_allclose(relative_pose(level, left), [0, 0, 0, 0, -0.1, 0], atol=1e-6)
    up = dataclasses.replace(level, pitch=0.1, z=level.z + 1.0)
    np.testing.assert_allclose(relative_pose(level, up), [0, -1, 0, 0.1, 0, 0], atol=1e-6)


def test_a_standing_camera_has_no_motion():
    standing = [i for i in range(20) if SOURCE.world("train", i).ego.speed == 0]
    assert standing
    for index in standing:
        label = SOURCE.frame("train", index, Resolution(64, 32)).labels["odometry"]
        np.testing.assert_array_equal(label, np.zeros(7))


def test_labels_are_of_one_interval_and_never_chain():
    for split in ("train", "val"):
        for index in range(8):
            ego = SOURCE.world(split, index).ego
            label = SOURCE.frame(split, index, Resolution(64, 32)).labels["odometry"]
            assert (label.shape, label.dtype) == ((7,), np.float32)
            way = ego.speed * SOURCE.interval
            np.testing.assert_allclose(np.linalg.norm(label[:3]), way, rtol=1e-3)
            turned = math.hypot(ego.yaw_rate, ego.pitch_rate) * SOURCE.interval
            np.testing.assert_allclose(np.linalg.norm(label[3:6]), turned, rtol=1e-2, atol=1e-6)
            assert label[6] == 0


def shade(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Bilinear samples of an image's mean over the colours at ``(N, 2)`` columns and rows."""
    grey = image.astype(float).mean(axis=-1)
    column, row = places.T - 0.5
    c, r = np.floor(column).astype(int), np.floor(row).astype(int)
    u, v = column - c, row - r
    above = (1 - u) * grey[r, c] + u * grey[r, c + 1]
    below = (1 - u) * grey[r + 1, c] + u * grey[r + 1, c + 1]
    return (1 - v) * above + v * below


def test_depth_and_pose_tell_where_a_static_point_was_seen_before():
    """The flow that the labels predict explains the previous picture; the reverse does not."""
    size, errors = Resolution(256, 128), []
    for world in fast_worlds(8):
        renderer, noise = Renderer(world), np.random.default_rng(0)
        now, before = world.ego.camera(0.0), world.ego.camera(-SOURCE.interval)
        view = renderer.view(0.0, now, size, noise)
        previous = renderer.image(-SOURCE.interval, before, size, noise)
        pose = relative_pose(before, now).astype(float)
        focal = now.focal * 256
        rows, columns = np.nonzero((view.depth > 0) & (view.depth < 40) & (view.moving == 0))
        pixel = np.stack([columns + 0.5, rows + 0.5], axis=-1)
        rays = np.c_[(pixel - [128, 64]) / focal, np.ones(len(pixel))]
        points = rays * view.depth[rows, columns, None]
        for guess in (pose, 0 * pose, -pose):
            there = points @ rotation(guess[3:]).T + guess[:3]
            place = there[:, :2] / there[:, 2:] * focal + [128, 64]
            inside = ((place > 1) & (place < [254, 126])).all(axis=1) & (there[:, 2] > 0.5)
            seen = shade(view.image, pixel[inside].clip(1, [254, 126]))
            errors.append(np.abs(seen - shade(previous, place[inside])).mean())
    right, none, reverse = np.reshape(errors, (-1, 3)).mean(axis=0)
    assert right < 0.6 * none < 0.6 * reverse


def fast_worlds(number: int) -> Iterator[World]:
    """Worlds that pass quickly, before a quiet sensor."""
    fast = (w for i in range(40) if (w := SOURCE.world("train", i)).ego.speed > 6)
    for world in islice(fast, number):
        light = dataclasses.replace(world.light, noise=0.0, exposure_before=1.0, vignette=0.0)
        yield dataclasses.replace(world, light=light)
