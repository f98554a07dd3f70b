from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.depth import Depth
from search_spaces.task_spec import TaskSpec

TASK = Depth(TaskSpec(name="depth", kind="depth", channels=1, positive=True))
TWICE = Window(top=0, left=0, rows=2, columns=2, height=4, width=4)


def test_metrics_equal_brute_force() -> None:
    generator = np.random.default_rng(0)
    label = generator.choice([0, 0.5, 1, 3, 20, 80, 81], (2, 8, 9)).astype(np.float32)
    guess = np.exp(generator.normal(2, 2, (2, 8, 9))).astype(np.float32)
    evaluator = TASK.evaluator()
    evaluator.update(torch.from_numpy(guess)[:, None], torch.from_numpy(label))
    close, relative, square = [], [], []
    for truth, metres in zip(label.flat, guess.flat, strict=True):
        if 1 <= truth <= 80:
            close.append(max(metres / truth, truth / metres) < 1.25)
            error = min(max(metres, 1), 80) - truth
            relative.append(abs(error) / truth)
            square.append(error**2)
    assert evaluator.result() == pytest.approx(
        {
            "delta_1_25": np.mean(close),
            "abs_rel": np.mean(relative),
            "rmse_m": math.sqrt(np.mean(square)),
        },
        rel=1e-6,
    )


def test_loss_judges_ratios_not_metres() -> None:
    statistics = TASK.statistics([])
    near, far = torch.full((1, 4, 4), 2.0), torch.full((1, 4, 4), 60.0)
    losses = [TASK.loss(1.1 * label[:, None], label, statistics) for label in (near, far)]
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-4)
    delta = math.log(1.25)
    assert float(losses[0]) == pytest.approx(math.log(1.1) ** 2 / 2 / delta, rel=1e-4)
    distant = TASK.loss(10 * near[:, None], near, statistics)
    assert float(distant) == pytest.approx(math.log(10) - delta / 2, rel=1e-4)


def test_loss_stays_finite_where_the_exponential_does_not() -> None:
    label = torch.full((1, 2, 2), 10.0)
    for value in (0.0, float("inf")):
        loss = TASK.loss(torch.full((1, 1, 2, 2), value), label, TASK.statistics([]))
        assert loss.isfinite()


def test_labels_beyond_80_m_do_not_count() -> None:
    label = torch.full((1, 2, 2), 81.0)
    assert TASK.loss(torch.ones(1, 1, 2, 2), label, TASK.statistics([])) == 0


def test_zoom_brings_everything_nearer() -> None:
    assert torch.equal(
        TASK.crop_label(torch.tensor([[[10.0, 0.0, 3.0, 3.0]] * 4]), TWICE),
        torch.tensor([[[5.0, 5.0, 0, 0]] * 4]),
    )


def test_sparse_depth_survives_downscaling_as_the_nearest_in_its_cell() -> None:
    label = np.zeros((128, 128), np.float32)
    label[3::4, 3::4] = 30
    label[3::4, 2::4] = 20
    resized = TASK.resize_label(label, Resolution(32, 32))
    assert (resized == 20).all()


def test_dense_depth_is_sampled_at_the_centre() -> None:
    label = np.full((96, 96), 5, np.float32)
    label[1::3, 1::3] = 50
    assert (TASK.resize_label(label, Resolution(32, 32)) == 50).all()


def test_bias_is_the_mean_log_depth_between_1_and_80_m() -> None:
    label = np.array([[0, 0.2, 2, 8, 300]], np.float32)
    assert float(TASK.statistics([label]).initial_bias) == pytest.approx(math.log(4), rel=1e-6)


def test_constant_lies_amid_the_densest_ratios() -> None:
    label = np.array([[10, 10.5, 11, 40, 41, 2]], np.float32)
    constant = float(TASK.statistics([label]).constant)
    assert max(constant / 10, 11 / constant) < 1.25
    same = np.full((4, 4), 7, np.float32)
    assert float(TASK.statistics([same]).constant) == pytest.approx(7, rel=2e-3)


@pytest.mark.parametrize("seed", range(3))
def test_no_constant_on_a_grid_beats_the_best_one(seed: int) -> None:
    generator = np.random.default_rng(seed)
    label = np.exp(generator.normal(2.5, 0.7, (40, 50))).astype(np.float32)
    inside = label[(label >= 1) & (label <= 80)]

    def share(metres: float) -> float:
        return float((np.maximum(inside / metres, metres / inside) < 1.25).mean())

    best = share(float(TASK.statistics([label]).constant))
    assert best >= max(share(metres) for metres in np.geomspace(1, 80, 700)) - 2e-3


def test_integer_depth_is_refused_as_still_scaled() -> None:
    with pytest.raises(ValueError, match=r"uint16 .* give metres as float32"):
        TASK.check_label(np.zeros((2, 2), np.uint16))


def test_near_is_brighter_than_far_and_no_depth_is_black() -> None:
    metres = np.array([[1.5, 10, 79, 0]], np.float32)
    picture = TASK.picture_of_label(metres, np.zeros((1, 4, 3), np.uint8)).astype(int)
    luminance = picture[0] @ [0.2126, 0.7152, 0.0722]
    assert luminance[0] > luminance[1] > luminance[2] > luminance[3] == 0
