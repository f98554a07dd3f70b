"""Stixels against closed forms, and against the world points of every pixel."""

import dataclasses
import math

import numpy as np
import pytest

from nas.data.synthetic import SyntheticSource, render_frame
from nas.data.synthetic.camera import Camera
from nas.data.synthetic.render import View
from nas.data.synthetic.solids import Box, Column, Ellipsoid, Solid
from nas.data.synthetic.standing import CLEARANCE, FREE, OBSTACLES, UNKNOWN, stixels
from nas.data.synthetic.world import CLASSES, Material, Part, Thing, World
from nas.resolution import Resolution

SMALL, LARGE = Resolution(128, 64), Resolution(512, 256)
SOURCE = SyntheticSource(seed=5)


def standing(kind: str, x: float, y: float, *solids: Solid) -> Thing:
    parts = tuple(Part(solid=s, material=Material.METAL, colour=(0.3, 0.3, 0.3)) for s in solids)
    return Thing(kind=kind, x=x, y=y, yaw=0.0, size=(1.0, 1.0, 1.0), parts=parts, pattern=1)


def box(length: float, width: float, low: float, high: float) -> Box:
    return Box(low=(-length / 2, -width / 2, low), high=(length / 2, width / 2, high))


def label(world: World, eye: Camera, size: Resolution = LARGE, hidden: float = 0.0) -> np.ndarray:
    view = render_frame(world, 0.0, eye, size)
    covered = np.zeros(view.depth.shape, bool)
    covered[: round(hidden * size.height)] = True
    return stixels(world, eye, view, covered)


def row(eye: Camera, distance: float, height: float) -> float:
    """Where a height above the road is seen straight ahead, for a frame twice as wide as high."""
    below, cos, sin = eye.z - height, math.cos(eye.pitch), math.sin(eye.pitch)
    return 0.5 + 2 * eye.focal * (below * cos + distance * sin) / (distance * cos - below * sin)


@pytest.mark.parametrize("pitch", [0.0, -0.06, 0.05])
def test_a_wall_stands_where_it_meets_the_ground_and_ends_at_its_top(flat_world, eye, pitch):
    eye = dataclasses.replace(eye, pitch=pitch)
    world = flat_world(standing("building", 12.0, 0.0, box(4.0, 6.0, 0.0, 2.5)))
    base, top = label(world, eye)
    within = slice(256 - 80, 256 + 80)  # 6 m at 10 m are 184 pixels
    np.testing.assert_allclose(base[within], row(eye, 10.0, 0.0), atol=1e-4)
    np.testing.assert_allclose(top[within], row(eye, 10.0, 2.5), atol=1 / 256)
    assert (base[:150] == FREE).all()
    assert (top[:150] == FREE).all()


def test_base_is_known_finer_than_pixels_and_whatever_the_resolution(flat_world, eye):
    world = flat_world(standing("building", 12.0, 0.0, box(4.0, 6.0, 0.0, 2.5)))
    np.testing.assert_allclose(label(world, eye, SMALL)[0, 64], row(eye, 10.0, 0.0), atol=1e-4)


def test_the_nearest_obstacle_counts_and_its_run_ends_where_another_begins(flat_world, eye):
    wall = standing("building", 22.0, 0.0, box(4.0, 30.0, 0.0, 8.0))
    person = standing("pedestrian", 6.1, 0.0, box(0.2, 0.6, 0.0, 1.75))
    base, top = label(flat_world(wall, person), eye)
    np.testing.assert_allclose(base[256], row(eye, 6.0, 0.0), atol=1e-4)
    np.testing.assert_allclose(top[256], row(eye, 6.0, 1.75), atol=1 / 256)
    np.testing.assert_allclose(base[330], row(eye, 20.0, 0.0), atol=1e-4)


def test_things_beside_the_road_stand_on_the_raised_ground(flat_world, eye):
    post = standing("pole", 8.0, -6.0, Column(radius=0.3, top=4.0))
    base, _ = label(flat_world(post, half_width=4.0, kerb=0.3), eye)
    at_post = round(512 * (0.5 + 0.6 * 6.0 / 8.0))
    np.testing.assert_allclose(base[at_post], row(eye, 7.75, 0.3), atol=0.01)
    assert abs(base[at_post] - row(eye, 7.75, 0.0)) > 0.03


def test_what_hangs_high_ends_nothing_what_hangs_low_is_measured_beneath(flat_world, eye):
    wall = standing("building", 32.0, 0.0, box(4.0, 60.0, 0.0, 9.0))
    high, low = (
        standing("vegetation", 10.0, 0.0, box(2.0, 3.0, CLEARANCE + gap, 5.0))
        for gap in (0.05, -0.3)
    )
    base, top = label(flat_world(wall, high), eye)
    np.testing.assert_allclose(base[256], row(eye, 30.0, 0.0), atol=1e-4)
    assert top[256] > row(eye, 9.0, CLEARANCE + 0.1)  # the wall's run ends at the crown
    base, top = label(flat_world(wall, low), eye)
    np.testing.assert_allclose(base[256], row(eye, 9.0, 0.0), atol=1e-4)
    np.testing.assert_allclose(top[256], row(eye, 9.0, 5.0), atol=1 / 256)


def test_a_tree_is_its_trunk_where_the_trunk_is_seen(flat_world, eye):
    crown = Ellipsoid(centre=(0.0, 0.0, 4.0), radii=(1.5, 1.5, 1.5))
    tree = standing("vegetation", 10.0, 0.0, Column(radius=0.2, top=3.0), crown)
    base, top = label(flat_world(tree), eye)
    np.testing.assert_allclose(base[256], row(eye, 9.8, 0.0), atol=2e-3)
    assert top[256] < row(eye, 9.8, 4.0)
    beside = 256 + 60  # under the crown, beside the trunk
    assert base[beside] == FREE


def test_an_obstacle_that_the_lower_edge_cuts_reaches_it(flat_world, eye):
    world = flat_world(standing("vehicle", 4.0, 0.0, box(4.4, 1.8, 0.0, 1.3)))
    base, top = label(world, eye)
    assert base[256] == 1.0
    np.testing.assert_allclose(top[256], row(eye, 6.2, 1.3), atol=0.01)


def test_beyond_the_range_a_column_is_free(flat_world, eye):
    near, far = (
        label(flat_world(standing("building", x, 0.0, box(4.0, 60.0, 0.0, 9.0))), eye)
        for x in (80.0, 84.0)
    )
    assert near[0, 256] != FREE
    assert (far[:, 256] == FREE).all()


def test_where_dirt_hides_most_of_a_stixel_there_is_no_label(flat_world, eye):
    world = flat_world(standing("building", 12.0, 0.0, box(4.0, 6.0, 0.0, 2.5)))
    base = row(eye, 10.0, 0.0)
    assert label(world, eye, hidden=0.45)[0, 256] == pytest.approx(base, abs=1e-4)
    assert (label(world, eye, hidden=0.6)[:, 256] == UNKNOWN).all()
    assert (label(world, eye, hidden=0.45)[:, 0] == FREE).all()
    assert (label(world, eye, hidden=0.6)[:, 0] == UNKNOWN).all()


def world_points(view: View, eye: Camera) -> np.ndarray:
    """World points (H, W, 3) of all pixels."""
    height, width = view.depth.shape
    right = (np.arange(width) + 0.5 - width / 2) / (eye.focal * width)
    down = (np.arange(height) + 0.5 - height / 2) / (eye.focal * width)
    rays = np.stack([*np.meshgrid(right, down), np.ones((height, width))], axis=-1)
    return (rays * view.depth[..., None]) @ eye.rotation.T + eye.position


def test_stixels_of_streets_agree_with_the_points_of_every_pixel():
    """By hand, column for column: nearest low point, ground beneath it, run of its object."""
    checked = 0
    for index in range(10):
        world = SOURCE.world("val", index)
        eye = world.ego.camera(0.0)
        view = render_frame(world, 0.0, eye, SMALL)
        base, top = stixels(world, eye, view, np.zeros(view.depth.shape, bool))
        points = world_points(view, eye)
        ahead = (points - eye.position) @ [math.cos(eye.yaw), math.sin(eye.yaw), 0.0]
        obstacle = np.isin(view.class_id, [CLASSES.index(name) for name in OBSTACLES])
        low = obstacle & (points[..., 2] < CLEARANCE) & (ahead < 80)
        assert ((base == FREE) == ~low.any(axis=0)).all()
        for column in np.flatnonzero(low.any(axis=0)):
            rows = np.flatnonzero(low[:, column])
            nearest = rows[ahead[rows, column].argmin()]
            foot = points[nearest, column].copy()
            foot[2] = world.road.kerb / 2  # the road or the kerb: half a kerb of slack
            _, down, depth = eye.to_camera(foot)
            expected = 0.5 + 2 * eye.focal * down / depth
            slack = 2 * eye.focal * (0.6 * world.road.kerb / depth) + 0.02 * abs(expected - 0.5)
            assert min(expected - slack, 1.0) - 1e-3 <= base[column]
            assert base[column] <= min(expected + slack, 1.0) + 0.015
            end = round(float(top[column]) * 64)
            owner = view.object_id[end, column]
            assert owner >= 0
            assert end == 0 or view.object_id[end - 1, column] != owner
            checked += 1
    assert checked > 900


def test_stixels_do_not_depend_on_the_resolution():
    for index in range(4):
        small, large = (
            SOURCE.frame("val", index, size).labels["stixels"] for size in (SMALL, LARGE)
        )
        pairs = large.reshape(2, 128, 4)
        near = (np.abs(pairs - small[..., None]) < 1.5 / 64).all(axis=0).any(axis=1)
        assert near.mean() > 0.9


def test_labels_have_the_promised_form():
    share = []
    for split in ("train", "val"):
        for index in range(20):
            found = SOURCE.frame(split, index, SMALL).labels["stixels"]
            assert (found.shape, found.dtype) == ((2, 128), np.float32)
            base, top = found
            special = np.isin(base, (FREE, UNKNOWN))
            assert (base[special] == top[special]).all()
            assert ((top >= 0) & (top <= base) & (base <= 1))[~special].all()
            share.append([(base == FREE).mean(), (base == UNKNOWN).mean()])
    free, unknown = np.mean(share, axis=0)
    assert 0.02 < free < 0.15
    assert unknown < 0.05
