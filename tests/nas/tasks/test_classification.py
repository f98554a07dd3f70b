from __future__ import annotations

import numpy as np
import pytest
import torch

from nas.tasks.classification import Classification
from search_spaces.default_tasks import SOILING
from search_spaces.task_spec import ArchitectureError, TaskSpec

TASK = Classification(SOILING)
CLEAN, DROPS, MUD = 0, 1, 2


def logits(predicted: list[int]) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(predicted), 3).float()


def test_balanced_accuracy_is_the_mean_recall_of_classes_that_occur() -> None:
    evaluator = TASK.evaluator()
    label = torch.tensor([CLEAN, CLEAN, CLEAN, CLEAN, MUD, MUD, 255], dtype=torch.uint8)
    evaluator.update(logits([CLEAN, CLEAN, CLEAN, DROPS, MUD, CLEAN, DROPS]), label)
    result = evaluator.result()
    assert result["recall_clean"] == 3 / 4
    assert result["recall_opaque"] == 1 / 2
    assert result["recall_semi_transparent"] == 0  # does not occur, in no mean
    assert result["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert result["accuracy"] == pytest.approx(4 / 6)


def test_loss_weighs_rare_classes_by_inverse_frequency() -> None:
    labels = [np.array(value, np.uint8) for value in [CLEAN] * 16 + [DROPS] * 4 + [MUD] * 1]
    statistics = TASK.statistics(labels)
    assert statistics.weights is not None
    assert float(statistics.weights[DROPS] / statistics.weights[CLEAN]) == pytest.approx(4)
    output, label = torch.randn(3, 3), torch.tensor([CLEAN, MUD, 255], dtype=torch.uint8)
    expected = torch.nn.functional.cross_entropy(
        output, label.long(), weight=statistics.weights, ignore_index=255
    )
    torch.testing.assert_close(TASK.loss(output, label, statistics), expected)


def test_every_class_is_named_in_a_strip_of_its_own_colour() -> None:
    image = np.full((64, 128, 3), 90, np.uint8)
    pictures = [TASK.picture_of_label(np.array(v, np.uint8), image) for v in (0, 1, 2, 255)]
    colours = {tuple(picture[0, -1].tolist()) for picture in pictures}
    assert len(colours) == 4
    for picture in pictures:
        assert (picture[20:] == 90).all()
        assert len(np.unique(picture[:12].reshape(-1, 3), axis=0)) > 1, "no text"


def test_a_map_of_classes_is_no_class_of_a_frame() -> None:
    with pytest.raises(ValueError, match=r"uint8 of shape \(2, 2\), give one integer class"):
        TASK.check_label(np.zeros((2, 2), np.uint8))
    spec = TaskSpec(name="scene", kind="classification", channels=3)
    with pytest.raises(ArchitectureError, match="output_stride is 1, kind classification needs 0"):
        Classification(spec)
