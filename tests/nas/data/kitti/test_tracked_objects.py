"""Boxes and moving pixels that tracklets give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nas.data.kitti import open_kitti
from nas.resolution import Resolution

ANY = Resolution(64, 32)
HEIGHT, WIDTH = 48, 120
STANDING = [(0.0,) * 6] * 7


def label(folder: Path, task: str, index: int = 0) -> NDArray[Any]:
    return np.asarray(open_kitti(folder).frame("train", index, ANY).labels[task])


def shares(left: float, top: float, right: float, bottom: float) -> list[float]:
    """Pixels as shares of the frame, clipped to it."""
    sides = [
        (left + 0.5) / WIDTH,
        (top + 0.5) / HEIGHT,
        (right + 0.5) / WIDTH,
        (bottom + 0.5) / HEIGHT,
    ]
    return [min(max(side, 0.0), 1.0) for side in sides]


def test_box_is_the_extent_of_the_projected_cuboid(raw: Any, geometry: Any) -> None:
    car = geometry.object([(10, 0, -1.5)])
    found = label(raw.drive(1, frames=1, objects=[car]), "detection")
    left, bottom = geometry.pixel((8, 1, -1.5))
    right, _ = geometry.pixel((8, -1, -1.5))
    _, top = geometry.pixel((12, 1, 0))  # above the horizon? the nearer top edge decides
    top = min(top, geometry.pixel((8, 1, 0))[1])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0, *shares(left, top, right, bottom)]], atol=1e-6)


def test_heading_turns_the_length_to_the_left(raw: Any, geometry: Any) -> None:
    across = geometry.object([(10, 0, -1.5)], heading=np.pi / 2)
    found = label(raw.drive(1, frames=1, objects=[across]), "detection")
    left, bottom = geometry.pixel((9, 2, -1.5))
    right, _ = geometry.pixel((9, -2, -1.5))
    _, top = geometry.pixel((9, 2, 0))
    np.testing.assert_allclose(found, [[0, *shares(left, top, right, bottom)]], atol=1e-6)
    slanted = geometry.object([(10, 0, -1.5)], heading=0.5, size=(1.5, 0.01, 4.0))
    found = label(raw.drive(2, frames=1, objects=[slanted]), "detection")
    forward, left_m = 10 + 2 * np.cos(0.5), 2 * np.sin(0.5)
    far_end, _ = geometry.pixel((forward, left_m, 0))
    assert found[0, 1] == pytest.approx((far_end + 0.5) / WIDTH, abs=1e-3)


@pytest.mark.parametrize(
    ("category", "wanted"),
    [
        ("Car", 0),
        ("Van", 0),
        ("Truck", 0),
        ("Tram", 0),
        ("Pedestrian", 1),
        ("Person (sitting)", 1),
        ("Cyclist", 2),
        ("Misc", 255),
        ("Hovercraft", 255),
    ],
)
def test_categories_become_classes(raw: Any, geometry: Any, category: str, wanted: int) -> None:
    thing = geometry.object([(10, 0, -1.5)], category=category)
    assert label(raw.drive(1, frames=1, objects=[thing]), "detection")[:, 0] == [wanted]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"occlusion": 1}, [0]),
        ({"occlusion": -1, "truncation": -1}, [0]),
        ({"occlusion": 2}, [255]),
        ({"truncation": 1}, [0]),
        ({"truncation": 2}, [255]),
        ({"truncation": 99}, [255]),
        ({"state": 1}, [0]),
        ({"state": 0}, []),
    ],
)
def test_states_decide_what_counts(
    raw: Any, geometry: Any, changes: dict[str, int], wanted: list[int]
) -> None:
    car = geometry.object([(10, 0, -1.5)], **changes)
    assert list(label(raw.drive(1, frames=1, objects=[car]), "detection")[:, 0]) == wanted


def test_a_box_less_than_half_inside_is_ignored_and_clipped(raw: Any, geometry: Any) -> None:
    edge = (60 - 0.5) / 100 * 9.73  # metres to the right that the last column sees 10 m ahead
    boxes = [
        geometry.object([(10, -edge + shift, -1.0)], size=(1.0, 1.0, 0.001))
        for shift in (0.2, -0.2, -0.9)
    ]
    found = label(raw.drive(1, frames=1, objects=boxes), "detection")
    assert list(found[:, 0]) == [0, 255]
    assert found[:, 3].max() == 1.0


def test_a_sliver_of_an_object_is_left_out(raw: Any, geometry: Any) -> None:
    edge = (60 - 0.5) / 100 * 9.73 - 0.06  # where the frame ends, 10 m ahead of the scanner
    slivers = [
        geometry.object([(10, -edge - 0.5 + metres, -1.0)], size=(1.0, 1.0, 0.001))
        for metres in (0.05, 0.15)
    ]
    drive = raw.drive(1, frames=1, objects=slivers)
    assert list(label(drive, "detection")[:, 0]) == [255]


def test_objects_behind_and_beside_the_camera(raw: Any, geometry: Any) -> None:
    behind = geometry.object([(-10, 0, -1.5)])
    outside = geometry.object([(10, 30, -1.5)])
    through_the_lens = geometry.object([(0.3, 1.5, -1.5)])
    drive = raw.drive(1, frames=1, objects=[behind, outside, through_the_lens])
    found = label(drive, "detection")
    assert list(found[:, 0]) == [255]
    assert (found[:, 1:] >= 0).all()
    assert (found[:, 1:] <= 1).all()


def test_a_frame_without_objects_is_labelled_as_empty(raw: Any, geometry: Any) -> None:
    late = geometry.object([(10, 0, -1.5)], first=1)
    drive = raw.drive(1, frames=3, objects=[late])
    assert [label(drive, "detection", index).shape for index in range(3)] == [
        (0, 5),
        (1, 5),
        (0, 5),
    ]


def grid(geometry: Any, left: int, top: int, right: int, bottom: int, depth: float) -> Any:
    """LiDAR points of a face that covers the centres of pixels from left to right, top to
    bottom."""
    columns, rows = (
        np.linspace(first - 0.2, last + 0.2, 8) for first, last in ((left, right), (top, bottom))
    )
    return geometry.points([(u, v, depth) for u in columns for v in rows])


def moving_car(geometry: Any, metres_a_frame: float, **changes: Any) -> Any:
    places = [(10 + metres_a_frame * index, 0.0, -1.0) for index in range(7)]
    return geometry.object(places, size=(1.4, 2.0, 4.0), **changes)


def test_moving_pixels_are_the_hull_of_the_objects_own_points(raw: Any, geometry: Any) -> None:
    # The rear of the car is 8 m ahead of the scanner, 7.73 m of the camera.
    own = grid(geometry, 50, 18, 70, 28, 7.73)
    road = grid(geometry, 40, 36, 80, 46, 7.73)
    drive = raw.drive(
        1,
        frames=7,
        poses=STANDING,
        scans=[np.concatenate([own, road])] * 7,
        objects=[moving_car(geometry, 0.1)],
    )
    found = label(drive, "motion", 0)
    assert found.dtype == np.uint8
    moving = np.zeros((HEIGHT, WIDTH), bool)
    moving[18:29, 50:71] = True
    np.testing.assert_array_equal(found == 1, moving)
    # Uncertain is the rest of the projected box with its margin of 10 cm.
    rows, columns = np.nonzero(found != 0)
    left, bottom = geometry.pixel((7.9, 1.1, -1.1))
    right, _ = geometry.pixel((7.9, -1.1, -1.1))
    _, top = geometry.pixel((7.9, 1.1, 0.5))
    assert (columns.min(), columns.max()) == (np.ceil(left), np.floor(right))
    assert (rows.min(), rows.max()) == (np.ceil(top), np.floor(bottom))
    assert found[0, 0] == 0


def test_points_of_something_else_make_their_surroundings_uncertain(
    raw: Any, geometry: Any
) -> None:
    own = grid(geometry, 50, 18, 70, 28, 7.73)
    others = geometry.points([(55, 21, 30.0), (65, 22, 4.0)])
    scan = np.concatenate([own, others])
    drive = raw.drive(
        1, frames=7, poses=STANDING, scans=[scan] * 7, objects=[moving_car(geometry, 0.1)]
    )
    moving = np.zeros((HEIGHT, WIDTH), bool)
    moving[18:29, 50:71] = True
    moving[18:25, 53:58] = moving[19:26, 63:68] = False
    found = label(drive, "motion", 0)
    np.testing.assert_array_equal(found == 1, moving)
    assert (found[18:25, 53:58] == 255).all()


@pytest.mark.parametrize(
    ("metres_a_frame", "values"), [(0.0, {0}), (0.06, {0}), (0.08, {0, 255}), (0.1, {0, 1, 255})]
)
def test_thresholds_of_speed(
    raw: Any, geometry: Any, metres_a_frame: float, values: set[int]
) -> None:
    drive = raw.drive(1, frames=7, poses=STANDING, objects=[moving_car(geometry, metres_a_frame)])
    assert set(np.unique(label(drive, "motion", 3))) == values


def test_speed_is_over_the_ground_not_relative_to_the_own_car(raw: Any, geometry: Any) -> None:
    yaw = 0.4
    ahead = np.array([np.cos(yaw), np.sin(yaw)])
    poses = [(*(0.5 * index * ahead), 0, 0, 0, yaw) for index in range(7)]
    parked = geometry.object([(20 - 0.5 * index, 3, -1.5) for index in range(7)])
    leading = geometry.object([(12, -1, -1.5)] * 7)
    drive = raw.drive(1, frames=7, poses=poses, objects=[parked, leading])
    found = label(drive, "motion", 2)
    column, row = (round(value) for value in geometry.pixel((10, -1, -0.8)))
    assert found[row, column] == 1
    column, row = (round(value) for value in geometry.pixel((17, 3, -0.8)))
    assert found[row, column] == 0


def test_unknown_speed_is_uncertain(raw: Any, geometry: Any) -> None:
    once = geometry.object([(10, 0, -1.0)])
    found = label(raw.drive(1, frames=7, poses=STANDING, objects=[once]), "motion")
    assert set(np.unique(found)) == {0, 255}


def test_without_points_the_shrunk_box_moves(raw: Any, geometry: Any) -> None:
    drive = raw.drive(1, frames=7, poses=STANDING, objects=[moving_car(geometry, 0.1)])
    found = label(drive, "motion")
    _, columns = np.nonzero(found == 1)
    # 70 % of the box about its centre: its rear is then at 10 - 0.7 * 2 m.
    left, _ = geometry.pixel((8.6, 0.7, -0.3))
    right, _ = geometry.pixel((8.6, -0.7, -0.3))
    assert (columns.min(), columns.max()) == (np.ceil(left), np.floor(right))


@pytest.mark.parametrize("occlusion", [1, 2])
def test_an_occluded_object_without_points_is_uncertain(
    raw: Any, geometry: Any, occlusion: int
) -> None:
    car = moving_car(geometry, 0.1, occlusion=occlusion)
    found = label(raw.drive(1, frames=7, poses=STANDING, objects=[car]), "motion")
    assert set(np.unique(found)) == {0, 255}


def test_a_static_object_in_front_makes_moving_pixels_uncertain(raw: Any, geometry: Any) -> None:
    behind = moving_car(geometry, 0.1)
    post = geometry.object([(4, 0, -1.0)] * 7, size=(2.0, 0.05, 0.05))
    for objects in ([behind, post], [post, behind]):
        drive = raw.drive(1, frames=7, poses=STANDING, objects=objects)
        found = label(drive, "motion")
        column, row = (round(value) for value in geometry.pixel((8.6, 0, -0.3)))
        assert found[row, column] == 255
        assert found[row, column - 6] == 1
        assert found[row, column + 6] == 1
