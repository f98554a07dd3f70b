from __future__ import annotations

import math

import numpy as np
import pytest

from nas.tasks.trajectory import benchmark_segments, chain, path_lengths, poses, whole_segment
from tests.nas.tasks.kitti_devkit import drive, reference_errors


@pytest.mark.parametrize(("frames", "segments"), [(60, 0), (120, 4), (900, 200)])
def test_segments_equal_the_development_kit(frames: int, segments: int) -> None:
    motions = drive(frames, 0)
    truth = chain(poses(motions))
    guess = chain(poses(motions + np.random.default_rng(1).normal(0, 0.01, motions.shape)))
    expected = reference_errors(truth, guess)
    assert len(expected) >= segments
    found = benchmark_segments(truth, guess)
    rows = np.stack([found.length, found.translation, found.rotation], axis=1)
    np.testing.assert_allclose(rows, np.array(expected).reshape(-1, 3), rtol=1e-6, atol=1e-9)


def test_a_short_path_is_one_segment() -> None:
    motions = drive(5, 0)
    truth, guess = chain(poses(motions)), chain(poses(motions * 1.1))
    whole = whole_segment(truth, guess)
    assert whole.length == pytest.approx(path_lengths(truth)[-1])
    ratio = float(whole.translation[0] / whole.length[0])
    assert ratio == pytest.approx(0.1, abs=0.01)


def test_a_rotation_vector_turns_about_its_axis() -> None:
    quarter = poses(np.array([[0, 0, 0, 0, math.pi / 2, 0]]))[0]
    # About "down": what lies ahead comes from the right of the earlier camera.
    np.testing.assert_allclose(quarter[:3, :3] @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    for rotation in poses(np.random.default_rng(0).normal(0, 1, (20, 6)))[:, :3, :3]:
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)


def test_chained_motions_go_on_from_where_they_are() -> None:
    ahead_then_right = np.array([[0, 0, 2, 0, math.pi / 2, 0], [0, 0, 3, 0, 0, 0]])
    path = chain(poses(ahead_then_right))
    np.testing.assert_allclose(path[:, :3, 3], [[0, 0, 0], [0, 0, 2], [3, 0, 2]], atol=1e-12)
    np.testing.assert_allclose(path_lengths(path), [0, 2, 5])


def test_rotations_as_small_as_rounding_are_measured_as_such() -> None:
    motions = drive(5, 0)
    tiny = motions.copy()
    tiny[2, 3] += 1e-9
    rotation = whole_segment(chain(poses(motions)), chain(poses(tiny))).rotation
    assert rotation == pytest.approx(1e-9, rel=1e-3)
