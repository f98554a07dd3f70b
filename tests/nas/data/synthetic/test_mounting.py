"""Vanishing points against far points along the heading."""

import dataclasses
import math

import numpy as np
import pytest

from nas.data.synthetic import SyntheticSource
from nas.data.synthetic.mounting import calibration
from nas.resolution import Resolution

SMALL = Resolution(128, 64)
SOURCE = SyntheticSource(seed=4)


@pytest.mark.parametrize("size", [SMALL, Resolution(512, 256), Resolution(96, 64)])
def test_a_far_point_along_the_heading_is_seen_at_the_vanishing_point(size):
    for index in range(20):
        ego = SOURCE.world("train", index).ego
        eye = ego.at_zero
        far = eye.position + 1e7 * np.array([math.cos(ego.heading), math.sin(ego.heading), 0.0])
        right, down, depth = eye.to_camera(far)
        focal = eye.focal * size.width
        column, row = right / depth * focal + size.width / 2, down / depth * focal + size.height / 2
        found = calibration(eye, ego.heading, size)
        np.testing.assert_allclose(found[:2], [column / size.width, row / size.height], rtol=1e-5)
        np.testing.assert_allclose(found[2:4], [focal / size.width, focal / size.height], rtol=1e-6)
        assert found[4:].tolist() == [0.5, 0.5]


def test_it_tells_yaw_and_pitch(eye):
    turned = dataclasses.replace(eye, yaw=0.1 + 0.02, pitch=-0.03)
    x, y, fx, fy, _, _ = calibration(turned, 0.02, SMALL)
    assert math.atan((x - 0.5) / fx) == pytest.approx(math.atan(math.tan(0.1) / math.cos(0.03)))
    # Looking to the left, straight ahead is seen on the right; looking down, above the middle.
    assert x > 0.5
    assert y < 0.5
    assert math.atan((0.5 - y) / fy) == pytest.approx(0.03, rel=0.02)


def test_cars_drive_towards_the_vanishing_point():
    """Just before the label's time the path leads there, so that the flow tells it too."""
    for index in range(30):
        ego = SOURCE.world("val", index).ego
        if not ego.speed:
            continue
        way = ego.camera(0.0).position - ego.camera(-1e-4).position
        assert math.atan2(way[1], way[0]) == pytest.approx(ego.heading, abs=1e-4)


def test_cameras_are_mounted_within_a_few_degrees():
    found = np.stack(
        [calibration(w.ego.at_zero, w.ego.heading, SMALL) for w in worlds("train", 200)]
    ).astype(float)
    yaw = np.degrees(np.arctan((found[:, 0] - 0.5) / found[:, 2]))
    pitch = np.degrees(np.arctan((found[:, 1] - 0.5) / found[:, 3]))
    assert 2.3 < yaw.std() < 3.5
    assert 1.3 < pitch.std() < 2.2
    assert np.abs(yaw).max() < 12
    heading = np.degrees([w.ego.heading for w in worlds("train", 200)])
    assert heading.std() < 0.25 * yaw.std()  # what the road in the picture cannot tell


def worlds(split, number):
    return [SOURCE.world(split, index) for index in range(number)]


def test_labels_have_the_promised_form():
    for split in ("train", "val"):
        for index in range(4):
            small, large = (
                SOURCE.frame(split, index, size).labels["calibration"]
                for size in (Resolution(64, 32), SMALL)
            )
            assert (small.shape, small.dtype) == ((6,), np.float32)
            np.testing.assert_array_equal(small, large)
