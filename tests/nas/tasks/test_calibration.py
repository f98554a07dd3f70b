from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.calibration import Calibration
from nas.tasks.heat_map import map_target, peaked_map
from search_spaces.default_tasks import CALIBRATION
from search_spaces.task_spec import ArchitectureError, TaskSpec

TASK = Calibration(CALIBRATION)
FOCAL, CENTRE = np.array([0.8, 1.5]), np.array([0.52, 0.47])


def label_of(yaw: float, pitch: float) -> torch.Tensor:
    """A label ``(1, 6)`` of a camera that sees straight ahead at these degrees right and down."""
    point = CENTRE + FOCAL * tangents(yaw, pitch)
    return torch.tensor([[*point, *FOCAL, *CENTRE]], dtype=torch.float32)


def tangents(yaw: float, pitch: float) -> np.ndarray:
    yaw, pitch = math.radians(yaw), math.radians(pitch)
    ahead = np.array(
        [math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch)]
    )
    return ahead[:2] / ahead[2]


def output_of(yaw: float, pitch: float) -> torch.Tensor:
    return peaked_map(label_of(yaw, pitch)[:, :2], 16, 32)[:, None]


def measure(output: torch.Tensor, label: torch.Tensor) -> dict[str, float]:
    evaluator = TASK.evaluator()
    evaluator.update(output, label)
    return evaluator.result()


def angles_of(label: torch.Tensor) -> list[float]:
    """Degrees to the right and down that a label ``(1, 6)`` tells."""
    x, y, fx, fy, cx, cy = label[0].double().tolist()
    right, down = (x - cx) / fx, (y - cy) / fy
    yaw, pitch = math.atan(right), math.atan2(down, math.hypot(right, 1))
    return [math.degrees(yaw), math.degrees(pitch)]


def test_errors_are_angles_between_rays() -> None:
    result = measure(output_of(3, 1), label_of(-2, 1))
    assert result["yaw_error_deg"] == pytest.approx(5, abs=1e-3)
    assert result["pitch_error_deg"] == pytest.approx(0, abs=1e-3)
    assert result["angular_error_deg"] == pytest.approx(5 * math.cos(math.radians(1)), abs=1e-3)
    result = measure(output_of(4, 7), label_of(4, 4))
    assert result["pitch_error_deg"] == pytest.approx(3, abs=1e-3)
    assert result["angular_error_deg"] == pytest.approx(3, abs=1e-3)


def test_errors_are_means_over_frames_that_have_a_label() -> None:
    label = torch.cat([label_of(0, 0), label_of(0, 0), torch.full((1, 6), -1e9)])
    output = torch.cat([output_of(2, 0), output_of(-4, 0), output_of(40, 40)])
    assert measure(output, label)["yaw_error_deg"] == pytest.approx(3, abs=1e-3)


def test_a_mirrored_frame_mirrors_the_yaw_and_keeps_the_pitch() -> None:
    mirrored = TASK.flip_label(label_of(3, -2))
    assert angles_of(mirrored) == pytest.approx([-3, -2], abs=1e-4)
    assert float(mirrored[0, 0]) == pytest.approx(1 - float(label_of(3, -2)[0, 0]))


def test_a_window_keeps_the_angles_and_moves_the_point() -> None:
    window = Window(top=10, left=30, rows=48, columns=100, height=64, width=128)
    label = label_of(3, -2)
    cropped = TASK.crop_label(label, window)
    assert angles_of(cropped) == pytest.approx([3, -2], abs=1e-4)
    place = label[0, :2] * torch.tensor([128, 64])
    moved = (place - torch.tensor([30, 10])) * torch.tensor([128 / 100, 64 / 48])
    torch.testing.assert_close(cropped[0, :2] * torch.tensor([128, 64]), moved)


def test_mirroring_and_cropping_move_a_drawn_point_with_the_picture() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        row, column = int(generator.integers(20, 40)), int(generator.integers(40, 90))
        frame = np.zeros((64, 128))
        frame[row, column] = 1
        point = [(column + 0.5) / 128, (row + 0.5) / 64]
        label = torch.tensor([[*point, 1, 1, 0.5, 0.5]])
        mirrored = np.argwhere(frame[:, ::-1])[0]
        x, y = TASK.flip_label(label)[0, :2].tolist()
        assert [y * 64, x * 128] == pytest.approx(mirrored + 0.5)
        window = Window(top=16, left=32, rows=32, columns=64, height=64, width=128)
        enlarged = np.argwhere(frame[16:48, 32:96].repeat(2, 0).repeat(2, 1)).mean(0)
        x, y = TASK.crop_label(label, window)[0, :2].tolist()
        assert [y * 64, x * 128] == pytest.approx(enlarged + 0.5, abs=1e-4)


def test_loss_is_the_divergence_from_the_point_and_a_point_outside_has_none() -> None:
    statistics = TASK.statistics([label_of(0, 0)[0].numpy()])
    label = label_of(2, 1)
    flat = torch.zeros(1, 1, 8, 16)
    target = map_target(label[:, :2], 8, 16)
    wanted = torch.log(torch.tensor(128.0)) - torch.special.entr(target).sum()
    torch.testing.assert_close(TASK.loss(flat, label, statistics), wanted)
    assert TASK.loss(output_of(2, 1), label, statistics) < 1e-5
    outside = label.clone()
    outside[0, 0] = 1.2
    assert TASK.loss(flat, outside, statistics) == 0
    both = TASK.loss(flat.expand(2, -1, -1, -1), torch.cat([label, outside]), statistics)
    torch.testing.assert_close(both, wanted)


def test_best_constant_is_near_the_most_frequent_point_not_the_mean() -> None:
    labels = [label_of(yaw, 0)[0].numpy() for yaw in (1, 1, 1, 1, 20)]
    statistics = TASK.statistics(labels)
    torch.testing.assert_close(statistics.point[None], label_of(1, 0)[:, :2], atol=1e-3, rtol=0)
    result = TASK.evaluate_constant(statistics, labels, Resolution(256, 128))
    assert result["yaw_error_deg"] == pytest.approx(19 / 5, abs=0.1)


def test_pixels_are_refused_as_vanishing_point() -> None:
    with pytest.raises(ValueError, match=r"not pixels"):
        TASK.check_label(np.array([640, 360, 700, 700, 640, 360], np.float32))
    with pytest.raises(ValueError, match=r"focal lengths above 0"):
        TASK.check_label(np.array([0.5, 0.5, 0, 1, 0.5, 0.5], np.float32))


def test_the_picture_has_its_cross_at_the_point() -> None:
    image = np.full((100, 200, 3), 90, np.uint8)
    label = np.array([0.25, 0.4, 1, 1, 0.5, 0.5], np.float32)
    red = np.argwhere((TASK.picture_of_label(label, image) == (255, 60, 60)).all(-1))
    np.testing.assert_allclose(red.mean(0), [40, 50], atol=1)
    outside = np.array([3.0, -4.0, 1, 1, 0.5, 0.5], np.float32)
    assert (TASK.picture_of_label(outside, image) == 90).all()


def test_another_number_of_channels_is_refused() -> None:
    with pytest.raises(ArchitectureError, match=r"2 channels.* needs 1 channel"):
        Calibration(TaskSpec(name="vp", kind="calibration", channels=2, output_stride=8))
