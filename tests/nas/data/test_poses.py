from __future__ import annotations

import numpy as np
import pytest

from nas.data.poses import is_rotation, pose_vector, rotation_vector


def rotation(vector: np.ndarray) -> np.ndarray:
    """Rodrigues' formula, the independent way back."""
    angle = np.linalg.norm(vector)
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


@pytest.mark.parametrize("angle", [0, 1e-9, 1e-4, 0.1, 1.5, 3.0, np.pi - 1e-7, np.pi])
def test_rotation_vector_of_any_angle_leads_back(angle: float) -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        axis = generator.normal(size=3)
        vector = axis / np.linalg.norm(axis) * angle
        matrix = rotation(vector)
        found = rotation_vector(matrix)
        np.testing.assert_allclose(rotation(found), matrix, atol=1e-9)
        if angle < np.pi - 1e-6:
            np.testing.assert_allclose(found, vector, rtol=1e-6, atol=1e-12)


def test_a_pose_is_translation_and_rotation_vector() -> None:
    pose = np.column_stack((rotation(np.array([0.1, -0.3, 0.2])), [1.0, 2.0, 3.0]))
    np.testing.assert_allclose(pose_vector(pose), [1, 2, 3, 0.1, -0.3, 0.2])


def test_mirrored_and_stretched_matrices_are_no_rotations() -> None:
    assert is_rotation(np.eye(3))
    assert not is_rotation(np.diag([1.0, 1.0, -1.0]))
    assert not is_rotation(np.eye(3) * 1.1)
