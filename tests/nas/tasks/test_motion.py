from __future__ import annotations

import numpy as np
import pytest
import torch

from nas.resolution import Resolution
from nas.tasks.motion import Motion
from search_spaces.task_spec import TaskSpec

TASK = Motion(TaskSpec(name="motion", kind="motion", channels=2, classes=("static", "moving")))


def three_percent() -> np.ndarray:
    label = np.zeros((32, 100), np.uint8)
    label[:, :3] = 1
    return label


def test_moving_pixels_weigh_the_root_of_inverse_frequency() -> None:
    weights = TASK.statistics([three_percent()]).weights
    assert weights is not None
    assert float(weights[1] / weights[0]) == pytest.approx((0.97 / 0.03) ** 0.5)


def test_weight_of_a_handful_of_moving_pixels_is_capped() -> None:
    label = np.zeros((100, 1000), np.uint8)
    label[0, 0] = 1
    weights = TASK.statistics([label]).weights
    assert weights is not None
    assert float(weights[1] / weights[0]) == pytest.approx(10)


def test_best_constant_is_all_moving_with_its_share_as_iou() -> None:
    label = three_percent()
    statistics = TASK.statistics([label])
    result = TASK.evaluate_constant(statistics, [label, label], Resolution(100, 32))
    assert result == pytest.approx({"iou_moving": 0.03, "miou": 0.015})


def test_iou_of_moving_pixels_equals_brute_force() -> None:
    generator = np.random.default_rng(0)
    label = generator.choice([0, 1, 255], (3, 9, 9)).astype(np.uint8)
    predicted = generator.integers(0, 2, (3, 9, 9))
    evaluator = TASK.evaluator()
    logits = torch.nn.functional.one_hot(torch.from_numpy(predicted), 2).movedim(-1, 1)
    evaluator.update(logits.float(), torch.from_numpy(label))
    valid = label != 255
    guess, truth = predicted[valid] == 1, label[valid] == 1
    moving = (guess & truth).sum() / (guess | truth).sum()
    static = (~guess & ~truth).sum() / (~guess | ~truth).sum()
    assert evaluator.result() == pytest.approx(
        {"iou_moving": moving, "miou": (moving + static) / 2}
    )
