import dataclasses
import math

import numpy as np
import pytest

from nas.data.synthetic import SyntheticSource, View, render_frame
from nas.data.synthetic.camera import Camera
from nas.data.synthetic.solids import Box
from nas.data.synthetic.world import CLASSES, Material, Part, Road, Thing, World
from nas.resolution import Resolution

SMALL = Resolution(128, 64)
SOURCE = SyntheticSource(seed=5)
INTERVAL = 0.15


def camera(**changes: float) -> Camera:
    plain = Camera(x=0.0, y=0.0, z=1.4, yaw=0.0, pitch=0.0, focal=0.6)
    return dataclasses.replace(plain, **changes)


def empty(**road: object) -> World:
    """A world that is only flat road."""
    world = SOURCE.world("train", 0)
    flat = Road(
        curvature=0.0,
        half_width=1e6,
        kerb=0.1,
        walk=2.0,
        lines=(),
        zebra=None,
        stop_line=None,
        side_street=None,
    )
    return dataclasses.replace(world, things=(), road=dataclasses.replace(flat, **road))


def thing(x: float, y: float, speed: float = 0.0, yaw: float = 0.0) -> Thing:
    part = Part(
        solid=Box(low=(-2.0, -1.0, 0.0), high=(2.0, 1.0, 1.5)),
        material=Material.PAINT,
        colour=(0.3, 0.3, 0.3),
    )
    return Thing(
        kind="vehicle",
        x=x,
        y=y,
        yaw=yaw,
        size=(4.0, 2.0, 1.5),
        parts=(part,),
        pattern=1,
        speed=speed,
        course=yaw,
    )


def pixel_grid(resolution: Resolution, focal: float) -> tuple[np.ndarray, np.ndarray]:
    """Right and down of the rays through the pixel centres at depth 1."""
    pixels = focal * resolution.width
    right = (np.arange(resolution.width) + 0.5 - resolution.width / 2) / pixels
    down = (np.arange(resolution.height) + 0.5 - resolution.height / 2) / pixels
    return np.meshgrid(right, down)


@pytest.mark.parametrize("pitch", [0.0, -0.06, 0.05])
def test_depth_of_flat_ground_is_the_closed_form(pitch):
    view = render_frame(empty(), 0.0, camera(pitch=pitch, yaw=0.2), SMALL)
    _, down = pixel_grid(SMALL, 0.6)
    with np.errstate(divide="ignore"):
        expected = 1.4 / (math.cos(pitch) * down - math.sin(pitch))
    expected = np.where((expected > 0) & (expected < 1000), expected, 0)
    np.testing.assert_allclose(view.depth, expected, rtol=1e-5)
    assert set(np.unique(view.class_id)) <= {CLASSES.index(c) for c in ("road", "sky")}


def test_raised_pavement_and_kerb_have_their_own_depth():
    view = render_frame(empty(half_width=4.0), 0.0, camera(), SMALL)
    right, down = pixel_grid(SMALL, 0.6)
    x, height = view.depth, 1.4 - view.depth * down
    aside = np.abs(view.depth * right)
    walk = (view.class_id == CLASSES.index("pavement")) & (aside > 4.001)
    kerb = (view.class_id == CLASSES.index("pavement")) & (aside <= 4.001)
    road = view.class_id == CLASSES.index("road")
    assert min(walk.sum(), kerb.sum(), road.sum()) > 20
    np.testing.assert_allclose(height[walk], 0.1, atol=1e-4)
    np.testing.assert_allclose(aside[kerb], 4.0, atol=1e-3)
    assert ((height[kerb] > -1e-3) & (height[kerb] < 0.101)).all()
    np.testing.assert_allclose(height[road & (x < 100)], 0.0, atol=1e-4)
    assert (aside[road] < 4.001).all()


def test_depth_of_a_box_is_the_distance_of_its_back():
    view = render_frame(
        dataclasses.replace(empty(), things=(thing(12.0, 0.0),)), 0.0, camera(), SMALL
    )
    on_box = view.object_id == 0
    right, down = pixel_grid(SMALL, 0.6)
    back = (np.abs(right * 10) < 1) & (down * 10 < 1.4) & (down * 10 > -0.1)
    assert back.sum() > 50
    np.testing.assert_allclose(view.depth[back], 10.0, rtol=1e-6)
    np.testing.assert_array_equal(on_box, back)


def test_what_moves_is_marked_and_moves():
    world = dataclasses.replace(empty(), things=(thing(14.0, 3.0, 5.0), thing(14.0, -3.0)))
    now, before = (render_frame(world, t, camera(), SMALL) for t in (0.0, -0.5))
    assert (now.moving == (now.object_id == 0)).all()
    nearest = [view.depth[view.object_id == i].min() for i in (0, 1) for view in (now, before)]
    np.testing.assert_allclose(nearest, [12.0, 9.5, 12.0, 12.0], rtol=1e-5)


def views(index: int) -> tuple[World, View, View]:
    """A world of the source now and one interval before, without sensor noise."""
    world = SOURCE.world("train", index)
    light = dataclasses.replace(world.light, noise=0.0, exposure_before=1.0, vignette=0.0)
    world = dataclasses.replace(world, light=light)
    now, before = (
        render_frame(world, t, world.ego.camera(t), Resolution(256, 128)) for t in (0.0, -INTERVAL)
    )
    return world, now, before


def unprojected(view: View, eye: Camera) -> np.ndarray:
    """World points (H, W, 3) of all pixels."""
    height, width = view.depth.shape
    right, down = pixel_grid(Resolution(width, height), eye.focal)
    rays = np.stack([right, down, np.ones_like(right)], axis=-1)
    return (rays * view.depth[..., None]) @ eye.rotation.T + eye.position


def projected(points: np.ndarray, eye: Camera, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Column and row (whole pixels) and depth of world points."""
    seen = eye.to_camera(points)
    depth = np.maximum(seen[..., 2], 1e-3)
    focal = eye.focal * shape[1]
    column = np.floor(seen[..., 0] / depth * focal + shape[1] / 2).astype(int)
    row = np.floor(seen[..., 1] / depth * focal + shape[0] / 2).astype(int)
    return column, row, seen[..., 2]


def neighbourhood(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, 1, mode="edge")
    h, w = values.shape
    return np.stack([padded[r : r + h, c : c + w] for r in range(3) for c in range(3)])


def consistent(world: World, now: View, before: View, eye_before: Camera) -> float:
    """Share of static pixels whose point has the depth that the picture before shows there.

    Beyond 60 m one pixel spans too much ground to compare; points hidden before are the rest.
    """
    points = unprojected(now, world.ego.camera(0.0))
    column, row, depth = projected(points, eye_before, now.depth.shape)
    height, width = now.depth.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    use = inside & (now.moving == 0) & (now.depth > 0) & (now.depth < 60)
    around = neighbourhood(before.depth)[:, row[use], column[use]]
    around = np.where(around == 0, np.inf, around)
    found = (depth[use] > around.min(0) * 0.99) & (depth[use] < around.max(0) * 1.01)
    return float(found.mean())


def test_static_points_keep_their_place_under_the_known_ego_motion():
    moved = [i for i in range(40) if SOURCE.world("train", i).ego.speed > 6][:8]
    known, ignored = [], []
    for index in moved:
        world, now, before = views(index)
        known.append(consistent(world, now, before, world.ego.camera(-INTERVAL)))
        ignored.append(consistent(world, now, before, world.ego.camera(0.0)))
    assert np.mean(known) > 0.95
    assert min(known) > 0.88
    assert np.mean(ignored) < 0.8


def test_texture_stays_on_what_it_belongs_to():
    """The picture before, warped by depth and ego motion, explains the picture now."""
    moved = [i for i in range(40) if SOURCE.world("train", i).ego.speed > 6][:8]
    warped, still = [], []
    for index in moved:
        world, now, before = views(index)
        points = unprojected(now, world.ego.camera(0.0))
        column, row, _ = projected(points, world.ego.camera(-INTERVAL), now.depth.shape)
        height, width = now.depth.shape
        use = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        use &= (now.moving == 0) & (now.depth > 0)
        image = now.image[use].astype(float)
        warped.append(np.abs(image - before.image[row[use], column[use]]).mean())
        still.append(np.abs(image - before.image[use]).mean())
    assert np.mean(warped) < 0.6 * np.mean(still)


def test_a_standing_camera_sees_a_standing_world_unchanged():
    world = SOURCE.world("train", 1)
    ego = dataclasses.replace(world.ego, speed=0.0, yaw_rate=0.0, pitch_rate=0.0)
    things = tuple(dataclasses.replace(t, speed=0.0) for t in world.things)
    light = dataclasses.replace(world.light, exposure_before=1.0)
    world = dataclasses.replace(world, ego=ego, things=things, light=light)
    now, before = (render_frame(world, t, ego.camera(t), SMALL) for t in (0.0, -INTERVAL))
    np.testing.assert_array_equal(now.image, before.image)
    np.testing.assert_array_equal(now.depth, before.depth)


def test_every_object_pixel_lies_in_the_box_of_its_object():
    checked = 0
    for index in range(12):
        world = SOURCE.world("val", index)
        for time in (0.0, -INTERVAL):
            eye = world.ego.camera(time)
            view = render_frame(world, time, eye, SMALL)
            points = unprojected(view, eye)
            for number in np.unique(view.object_id[view.object_id >= 0]):
                owner = world.things[number]
                assert CLASSES[view.class_id[view.object_id == number][0]] == owner.kind
                if owner.kind not in ("vehicle", "building"):
                    continue
                x, y = owner.at(time)
                local = points[view.object_id == number] - [x, y, 0.0]
                cos, sin = math.cos(owner.yaw), math.sin(owner.yaw)
                along = np.abs(local[:, 0] * cos + local[:, 1] * sin)
                across = np.abs(local[:, 1] * cos - local[:, 0] * sin)
                slack = 0.01 + 0.5 * (owner.kind == "building")  # the roof's overhang
                assert along.max() < owner.size[0] / 2 + slack
                assert across.max() < owner.size[1] / 2 + slack
                assert local[:, 2].max() < owner.size[2] + 0.01
                checked += 1
    assert checked > 200
