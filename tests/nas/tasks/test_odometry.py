from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nas.data.window import Window
from nas.tasks.odometry import Odometry
from nas.tasks.trajectory import poses
from search_spaces.default_tasks import ODOMETRY
from search_spaces.task_spec import ArchitectureError, TaskSpec
from tests.nas.tasks.kitti_devkit import drive, reference_errors

TASK = Odometry(ODOMETRY)


def labels_of(motions: np.ndarray, *, chained: bool) -> torch.Tensor:
    """Labels ``(N, 7)`` of motions ``(N, 6)``, of one trajectory or of single pairs of frames."""
    flags = np.full((len(motions), 1), float(chained))
    flags[0] = 0
    return torch.from_numpy(np.concatenate([motions, flags], axis=1)).float()


def outputs_of(motions: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([motions[:, :3], np.degrees(motions[:, 3:])], 1)).float()


def measure(output: torch.Tensor, label: torch.Tensor, batch: int = 1000) -> dict[str, float]:
    evaluator = TASK.evaluator()
    for start in range(0, len(label), batch):
        evaluator.update(output[start : start + batch], label[start : start + batch])
    return evaluator.result()


def reference_path(motions: np.ndarray) -> np.ndarray:
    path = [np.eye(4)]
    for motion in poses(motions):
        path.append(path[-1] @ motion)
    return np.stack(path)


def noisy(motions: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(
        0, (0.02, 0.02, 0.1, 0.002, 0.002, 0.002), motions.shape
    )
    return motions + noise


def test_long_trajectories_are_measured_as_by_the_development_kit() -> None:
    drives = [drive(500, 0), drive(200, 1)]
    errors = []
    for motions in drives:
        errors += reference_errors(reference_path(motions), reference_path(noisy(motions)))
    label = torch.cat([labels_of(motions, chained=True) for motions in drives])
    output = torch.cat([outputs_of(noisy(motions)) for motions in drives])
    result = measure(output, label, batch=16)
    expected = np.mean([[t / length, r / length] for length, t, r in errors], axis=0)
    assert result["translation_percent"] == pytest.approx(100 * expected[0], rel=1e-3)
    assert result["rotation_deg_per_m"] == pytest.approx(math.degrees(expected[1]), rel=1e-3)


def test_single_pairs_are_measured_by_the_sum_of_errors_over_the_sum_of_lengths() -> None:
    label = torch.zeros(3, 7)
    label[:2, 2] = torch.tensor([1.0, 3.0])  # the third one stands
    output = torch.zeros(3, 6)
    output[:, 2] = torch.tensor([1.5, 3.0, 0.5])
    output[1, 4] = 2.0
    result = measure(output, label)
    assert result["translation_percent"] == pytest.approx(100 * (0.5 + 0 + 0.5) / 4)
    assert result["rotation_deg_per_m"] == pytest.approx(2 / 4, rel=1e-5)


def test_cars_that_only_stand_have_finite_errors() -> None:
    output = torch.zeros(4, 6)
    output[:, 0] = 0.1
    assert measure(output, torch.zeros(4, 7))["translation_percent"] == pytest.approx(40)


def test_a_chain_is_broken_by_a_frame_without_label() -> None:
    motions = drive(120, 0)
    label = labels_of(motions, chained=True)
    whole = measure(outputs_of(noisy(motions)), label)
    label[60] = -1e9
    broken = measure(outputs_of(noisy(motions)), label)
    first, second = label[:60].clone(), label[61:].clone()
    parts = torch.cat([first, second])
    parts[60, 6] = 0
    output = outputs_of(np.delete(noisy(motions), 60, axis=0))
    assert broken == pytest.approx(measure(output, parts))
    assert broken != pytest.approx(whole)


def test_chained_errors_that_cancel_are_no_drift() -> None:
    label = labels_of(np.tile([0, 0, 1.0, 0, 0, 0], (10, 1)), chained=True)
    output = torch.zeros(10, 6)
    output[:, 2] = torch.tensor([1.2, 0.8] * 5)
    assert measure(output, label)["translation_percent"] == pytest.approx(0, abs=1e-4)
    label[:, 6] = 0
    assert measure(output, label)["translation_percent"] == pytest.approx(20)


def test_a_mirrored_label_is_the_motion_of_mirrored_frames() -> None:
    generator = np.random.default_rng(0)
    motions = generator.normal(0, 0.5, (20, 6))
    mirror = np.diag([-1.0, 1, 1, 1])
    expected = mirror @ poses(motions) @ mirror
    flipped = TASK.flip_label(labels_of(motions, chained=True))
    np.testing.assert_allclose(poses(flipped[:, :6].double().numpy()), expected, atol=1e-6)
    assert torch.equal(flipped[:, 6], labels_of(motions, chained=True)[:, 6])


def test_loss_measures_components_in_their_standard_deviations() -> None:
    motions = np.random.default_rng(0).normal(0, (0.1, 0.1, 0.5, 0.01, 0.04, 0.01), (500, 6))
    statistics = TASK.statistics(labels_of(motions, chained=False).numpy())
    assert statistics.weights is not None
    spread = np.concatenate([motions[:, :3].std(0), np.degrees(motions[:, 3:].std(0))])
    np.testing.assert_allclose(1 / statistics.weights.numpy(), spread, rtol=1e-4)
    label = labels_of(motions[:1], chained=False)
    output = outputs_of(motions[:1]) + torch.tensor([0, 0, 0.5 * spread[2], 0, 3 * spread[4], 0])
    expected = (0.5 * 0.5**2 + (3 - 0.5)) / 6  # square below one deviation, linear above
    assert float(TASK.loss(output.float(), label, statistics)) == pytest.approx(expected, rel=1e-3)


def test_components_that_hardly_vary_are_not_enlarged() -> None:
    motions = np.random.default_rng(0).normal(0, (1e-6, 0.2, 1.0, 1e-6, 0.0, 0.0), (500, 6))
    weights = TASK.statistics(labels_of(motions, chained=False).numpy()).weights
    assert weights is not None
    assert float(weights[0]) == pytest.approx(1 / (0.1 * motions[:, 2].std()), rel=1e-3)
    assert weights[3:].tolist() == pytest.approx([100] * 3)


def test_the_best_constant_of_single_pairs_is_their_median_motion() -> None:
    motions = np.zeros((9, 6))
    motions[:6, 2] = 1.5  # the other three stand
    constant = TASK.statistics(labels_of(motions, chained=False).numpy()).constant
    assert constant.tolist() == pytest.approx([0, 0, 1.5, 0, 0, 0], abs=1e-4)


def test_the_best_constant_of_a_trajectory_is_its_mean_motion() -> None:
    motions = np.zeros((90, 6))
    motions[::3, 2] = 3.0
    constant = TASK.statistics(labels_of(motions, chained=True).numpy()).constant
    assert float(constant[2]) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("index", "value", "message"),
    [(2, 5000.0, "less than 1000 metres"), (4, 90.0, "at most pi radians"), (6, 0.5, "0.5 at its")],
)
def test_impossible_motions_are_named(index: int, value: float, message: str) -> None:
    label = np.zeros(7, np.float32)
    label[index] = value
    with pytest.raises(ValueError, match=message):
        TASK.check_label(label)


def test_pictures_show_where_the_camera_went_and_turned() -> None:
    image = np.full((128, 256, 3), 90, np.uint8)

    def yellow(*values: float) -> np.ndarray:
        picture = TASK.picture_of_label(np.array([*values, 0], np.float32), image)
        return np.argwhere((picture == (255, 210, 40)).all(-1))

    def blue(*values: float) -> np.ndarray:
        picture = TASK.picture_of_label(np.array([*values, 0], np.float32), image)
        return np.argwhere((picture == (60, 220, 255)).all(-1))

    ahead, right = yellow(0, 0, 2, 0, 0, 0), yellow(1, 0, 0, 0, 0, 0)
    assert np.ptp(ahead[:, 0]) > 30 > 5 > np.ptp(ahead[:, 1])
    assert np.ptp(right[:, 1]) > 15
    assert right[:, 1].min() >= 30  # from the middle of the inset to the right
    straight, turned = blue(0, 0, 1, 0, 0, 0), blue(0, 0, 1, 0, 0.05, 0)
    assert turned[:, 1].max() > straight[:, 1].max() + 3  # positive yaw is a turn to the right


def test_another_number_of_channels_is_refused() -> None:
    with pytest.raises(ArchitectureError, match=r"3 channels.* needs 6 channels"):
        Odometry(TaskSpec(name="odometry", kind="odometry", channels=3, output_stride=0))


def test_an_enlarged_picture_shows_a_shorter_way_and_larger_turns() -> None:
    """As the same lens sees it: what depth / zoom and a pose make of a point is where it went."""
    window = Window(top=16, left=32, rows=32, columns=64, height=64, width=128)
    label = torch.tensor([[0.2, 0.1, 1.0, 0.004, 0.006, 0.0, 0.0]])
    pose = TASK.crop_label(label, window)[0, :6].double().numpy()
    point = np.array([0.5, -0.3, 10.0])  # seen in the middle: nothing but the zoom moves it

    def flow(motion: np.ndarray, place: np.ndarray) -> np.ndarray:
        before = place + np.cross(motion[3:], place) + motion[:3]
        return place[:2] / place[2] - before[:2] / before[2]

    nearer = point / [1, 1, 2]
    wanted = 2 * flow(label[0, :6].double().numpy(), point)
    np.testing.assert_allclose(flow(pose, nearer), wanted, atol=3e-4)
    assert np.abs(wanted).max() > 0.03


def test_poses_of_a_shuffled_batch_continue_nothing() -> None:
    label = torch.tensor([[0.0, 0, 1, 0, 0, 0, 1]] * 4)
    assert TASK.unordered(label)[:, 6].eq(0).all()
    assert torch.equal(TASK.unordered(label)[:, :6], label[:, :6])
