from __future__ import annotations

import numpy as np
import pytest
import torch

from nas.resolution import Resolution
from nas.tasks.kinds import make_task
from nas.tasks.segmentation import Segmentation
from search_spaces.task_spec import ArchitectureError, TaskSpec

CLASSES = ("road", "car", "pole", "wolf")


def task() -> Segmentation:
    return Segmentation(TaskSpec(name="scene", kind="segmentation", channels=4, classes=CLASSES))


def brute_force_iou(predicted: np.ndarray, label: np.ndarray, index: int) -> float | None:
    both = either = 0
    for guess, truth in zip(predicted.flat, label.flat, strict=True):
        if truth == 255:
            continue
        both += int(guess == index and truth == index)
        either += int(guess == index or truth == index)
    return both / either if either else None


def test_miou_equals_brute_force_over_classes_in_label_or_prediction() -> None:
    generator = np.random.default_rng(0)
    label = generator.choice([0, 1, 255], (2, 20, 30)).astype(np.uint8)
    predicted = generator.choice([0, 1, 2], (2, 20, 30))
    evaluator = task().evaluator()
    logits = torch.nn.functional.one_hot(torch.from_numpy(predicted), 4).movedim(-1, 1)
    evaluator.update(logits.float(), torch.from_numpy(label))
    result = evaluator.result()
    expected = [brute_force_iou(predicted, label, index) for index in range(4)]
    assert expected[2] == 0  # predicted, never labelled: counts
    assert expected[3] is None  # neither: left out of the mean, 0 by itself
    counted = [iou for iou in expected if iou is not None]
    assert result["miou"] == pytest.approx(sum(counted) / 3)
    for name, iou in zip(CLASSES, expected, strict=True):
        assert result[f"iou_{name}"] == pytest.approx(iou or 0)
    valid = label != 255
    assert result["pixel_accuracy"] == pytest.approx((predicted == label)[valid].mean())


def test_loss_equals_torch_with_weights_and_ignored_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 8, 8, generator=generator)
    label = torch.randint(0, 4, (2, 8, 8), generator=generator).to(torch.uint8)
    label[:, :2] = 255
    scene = task()
    statistics = scene.statistics(label.numpy())
    expected = torch.nn.functional.cross_entropy(
        logits, label.long(), weight=statistics.weights, ignore_index=255
    )
    assert torch.allclose(scene.loss(logits, label, statistics), expected)


def test_statistics_are_log_shares_and_mild_weights() -> None:
    label = np.repeat(np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 255, 255], np.uint8), 10)[None]
    statistics = task().statistics([label])
    shares = torch.tensor([0.6, 0.3, 0.1])
    assert torch.allclose(statistics.initial_bias[:3], shares.log())
    assert statistics.initial_bias[3] == pytest.approx(np.log(1e-4))
    weights = statistics.weights
    assert weights is not None
    assert float(weights[2] / weights[0]) == pytest.approx(6**0.25)
    assert float((weights[:3] * shares).sum()) == pytest.approx(1)
    assert statistics.constant.argmax() == 0


def test_resizing_takes_the_class_under_the_centre() -> None:
    label = np.zeros((96, 96), np.uint8)
    label[1::3, 1::3] = 2
    assert (task().resize_label(label, Resolution(32, 32)) == 2).all()


def test_wider_integers_are_accepted_and_negative_ones_named() -> None:
    scene = task()
    scene.check_label(np.array([[0, 3, 255]], np.int32))
    assert scene.resize_label(np.full((40, 40), 3, np.int64), Resolution(32, 32)).dtype == np.uint8
    with pytest.raises(ValueError, match=r"value -1, allowed are 0 to 3 \(road, car, pole, wolf\)"):
        scene.check_label(np.array([[-1]], np.int16))


def test_classes_have_distinct_colours() -> None:
    many = tuple(f"class{index}" for index in range(60))
    scene = Segmentation(TaskSpec(name="s", kind="segmentation", channels=60, classes=many))
    label, image = np.arange(60, dtype=np.uint8)[None], np.zeros((1, 60, 3), np.uint8)
    colours = scene.picture_of_label(label, image)[0]
    assert len({tuple(colour) for colour in colours.tolist()}) == 60


@pytest.mark.parametrize(
    "spec",
    [
        TaskSpec(name="one", kind="segmentation", channels=1),
        TaskSpec(name="many", kind="segmentation", channels=255),
        TaskSpec(name="metres", kind="segmentation", channels=3, positive=True),
        TaskSpec(name="three", kind="motion", channels=3),
        TaskSpec(name="two", kind="depth", channels=2, positive=True),
        TaskSpec(name="signed", kind="depth", channels=1),
    ],
    ids=lambda spec: f"{spec.kind}-{spec.name}",
)
def test_spec_that_does_not_suit_its_kind_is_rejected(spec: TaskSpec) -> None:
    with pytest.raises(ArchitectureError, match=f"task {spec.name}: .* needs"):
        make_task(spec)


def test_unknown_kind_lists_the_kinds() -> None:
    spec = TaskSpec(name="far", kind="dept", channels=1)
    with pytest.raises(ArchitectureError, match=r"'dept' is unknown.*segmentation.*mean 'depth'"):
        make_task(spec)


def test_own_kind_can_be_added() -> None:
    class Weather(Segmentation):
        kind = "weather"

    spec = TaskSpec(name="weather", kind="weather", channels=2)
    assert isinstance(make_task(spec, {"weather": Weather}), Weather)
