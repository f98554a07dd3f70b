import dataclasses
import math

import numpy as np

from nas.data.synthetic.camera import Camera, EgoMotion, cast_rays, image_bounds
from nas.resolution import Resolution

EYE = Camera(x=1.0, y=-2.0, z=1.4, yaw=0.2, pitch=-0.05, focal=0.6)


def test_axes_are_right_down_and_forward():
    level = dataclasses.replace(EYE, yaw=0.0, pitch=0.0)
    right, down, depth = level.to_camera(np.array([6.0, -3.0, 0.4]))
    np.testing.assert_allclose([right, down, depth], [1.0, 1.0, 5.0])
    turned = dataclasses.replace(level, yaw=math.pi / 2)  # to the left: looks along y
    np.testing.assert_allclose(turned.to_camera(np.array([1.0, 3.0, 1.4])), [0, 0, 5], atol=1e-12)
    raised = dataclasses.replace(level, pitch=0.1)
    assert raised.to_camera(np.array([6.0, -2.0, 1.4]))[1] > 0  # looking up moves things down


def test_rays_undo_the_projection():
    rays = cast_rays(EYE, Resolution(64, 32))
    assert rays.dx.shape == rays.dy.shape == (65, 129)
    row, column = 2 * 20 + 1, 2 * 50 + 1
    direction = np.array([rays.dx[row, column], rays.dy[row, column], rays.dz[row, 0]], float)
    right, down, depth = EYE.to_camera(EYE.position + 7 * direction)
    np.testing.assert_allclose(depth, 7, rtol=1e-6)
    focal = 0.6 * 64
    np.testing.assert_allclose(right / depth * focal + 32, 50.5, rtol=1e-5)
    np.testing.assert_allclose(down / depth * focal + 16, 20.5, rtol=1e-5)


def test_path_is_an_arc_with_the_given_speed_and_yaw_rate():
    ego = EgoMotion(at_zero=EYE, heading=0.3, speed=8.0, yaw_rate=0.4, pitch_rate=0.0)
    steps = [ego.camera(t) for t in np.linspace(-0.5, 0.0, 501)]
    path = np.array([(c.x, c.y) for c in steps])
    np.testing.assert_allclose(np.linalg.norm(np.diff(path, axis=0), axis=1), 0.008, rtol=1e-4)
    last = np.subtract(path[-1], path[-2])
    np.testing.assert_allclose(math.atan2(last[1], last[0]), 0.3, atol=1e-3)
    np.testing.assert_allclose(steps[-1].yaw - steps[0].yaw, 0.2)
    assert ego.camera(0.0) == EYE


def test_bounds_hold_every_ray_that_meets_a_box():
    rng = np.random.default_rng(0)
    low = rng.uniform([-6, -12, 0], [30, 12, 2], (200, 3))
    high = low + rng.uniform(0.3, 8, (200, 3))
    bits = np.arange(8)[:, None] >> np.arange(3) & 1
    corners = np.where(bits[None], high[:, None], low[:, None])
    rays = cast_rays(EYE, Resolution(64, 32))
    bounds, nearest = image_bounds(corners, EYE, rays)
    inside = rng.uniform(low[:, None], high[:, None], (200, 400, 3))
    points = EYE.to_camera(inside)
    depth = points[..., 2]
    seen = depth > 0.1
    place = 2 * 0.6 * 64 * points[..., :2] / np.maximum(depth, 0.1)[..., None]
    row, column = place[..., 1] + 32, place[..., 0] + 64
    seen &= (row >= 0) & (row <= 64) & (column >= 0) & (column <= 128)
    assert seen.any(axis=1).sum() > 60
    top, bottom, left, right = bounds.T[..., None]
    assert ((row >= top - 1) & (row <= bottom))[seen].all()
    assert ((column >= left - 1) & (column <= right))[seen].all()
    assert (depth >= nearest[:, None] - 1e-9)[seen].all()
    assert (bounds >= 0).all()
