from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.data.batches import TrainingData
from nas.data.cache import CachedFrames
from nas.data.window import Window
from nas.evaluation import constant_metrics, evaluate, label_statistics
from nas.network import build_network
from nas.resolution import Resolution
from nas.tasks.average_precision import AveragePrecision
from nas.tasks.box_decoding import Boxes, decode_boxes
from nas.tasks.box_labels import LEAST_INSIDE, MOST_BOXES
from nas.tasks.box_targets import box_targets
from nas.tasks.constant_boxes import constant_boxes, overlaps
from nas.tasks.detection import Detection
from nas.training import Training
from search_spaces.default_tasks import DETECTION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import shared
from search_spaces.task_spec import ArchitectureError, TaskSpec

HEIGHT, WIDTH = 64, 128
SIZE = Resolution(WIDTH, HEIGHT)
TASK = Detection(DETECTION)


def rows(*boxes: tuple[float, ...]) -> NDArray[np.float32]:
    return np.array(boxes, np.float32).reshape(-1, 5)


def fitted(*boxes: tuple[float, ...]) -> Tensor:
    """A batch of one frame's label."""
    return torch.from_numpy(TASK.resize_label(rows(*boxes), SIZE))[None]  # type: ignore[type-var]


def there(label: Tensor) -> NDArray[np.float32]:
    """The rows of the first frame that are no filling."""
    kept: NDArray[np.float32] = label[0][label[0, :, 0] >= 0].numpy()
    return kept


def perfect(label: Tensor, stride: int = 4) -> Tensor:
    target = box_targets(label, 2, HEIGHT // stride, WIDTH // stride)
    return torch.cat([target.heat.clamp(1e-7, 1 - 1e-7).logit(), target.boxes], dim=1)


def detected(*boxes: tuple[float, ...]) -> Boxes:
    """Boxes of class, score and corners."""
    table = torch.tensor(boxes).reshape(-1, 6)
    return Boxes(kinds=table[:, 0].long(), scores=table[:, 1], corners=table[:, 2:])


def test_a_spec_that_suits_no_detector_is_named() -> None:
    good = {"name": "a", "kind": "detection", "channels": 5, "classes": ("b",), "output_stride": 8}
    Detection(TaskSpec(**good))  # type: ignore[arg-type]
    for change in ({"channels": 6}, {"classes": ()}, {"positive": True}, {"output_stride": 0}):
        with pytest.raises(ArchitectureError, match=r"task a: .* use 4, 8|task a: .* needs 1 to"):
            Detection(TaskSpec(**{**good, **change}))  # type: ignore[arg-type]


# --- labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "named"),
    [
        ((0.5, 0, 0, 1, 1), "class 0.5"),
        ((-1, 0, 0, 1, 1), "class -1"),
        ((0, 0.5, 0, 0.4, 1), "box 0.5, 0, 0.4, 1"),
        ((0, 0, 0, 1, 1.5), "box 0, 0, 1, 1.5"),
        ((1, 0, float("nan"), 1, 1), "box 0, nan, 1, 1"),
    ],
)
def test_what_is_no_box_is_refused(box: tuple[float, ...], named: str) -> None:
    TASK.check_label(rows((0, 0, 0, 1, 1), (255, 0, 0, 1, 1)))
    TASK.check_label(rows())
    with pytest.raises(ValueError, match=f"the label holds the {named}, allowed are"):
        TASK.check_label(rows((0, 0, 0, 1, 1), box))


def test_of_too_many_boxes_the_largest_are_kept_in_their_order() -> None:
    sides = np.random.default_rng(0).permutation(80) / 100 + 0.01
    boxes = rows((0, 0.5, 0.5, 0.5, 0.9), *((1, 0, 0, side, side) for side in sides))
    label = TASK.resize_label(boxes, SIZE)
    wanted = [side for side in sides if side > 0.165]
    assert len(wanted) == MOST_BOXES
    np.testing.assert_allclose(np.asarray(label, np.float32)[:, 3], wanted, rtol=1e-6)


def box_of(mask: Tensor) -> tuple[float, ...]:
    """The box around the pixels of a mask, as shares."""
    ys, xs = mask.nonzero(as_tuple=True)
    height, width = mask.shape
    x1, x2 = int(xs.min()) / width, (int(xs.max()) + 1) / width
    return (x1, int(ys.min()) / height, x2, (int(ys.max()) + 1) / height)


def painted() -> Tensor:
    """A frame with one lit rectangle, and its box (0, 30/128, 20/64, 62/128, 44/64)."""
    frame = torch.zeros(HEIGHT, WIDTH)
    frame[20:44, 30:62] = 1
    return frame


def test_a_box_mirrors_as_its_pixels_do() -> None:
    label = fitted((0, *box_of(painted())))
    np.testing.assert_allclose(
        there(TASK.flip_label(label)), rows((0, *box_of(painted().flip(-1)))), atol=1e-6
    )


@pytest.mark.parametrize(("top", "left"), [(8, 16), (0, 40), (32, 8)])
def test_a_box_crops_as_its_pixels_do(top: int, left: int) -> None:
    window = Window(top=top, left=left, rows=32, columns=64, height=HEIGHT, width=WIDTH)
    part = painted()[top : top + 32, left : left + 64]
    cropped = TASK.crop_label(fitted((1, *box_of(painted()))), window)
    np.testing.assert_allclose(there(cropped), rows((1, *box_of(part))), atol=1e-6)


def test_an_object_mostly_outside_becomes_a_region_to_ignore_and_one_outside_goes() -> None:
    window = Window(top=0, left=0, rows=64, columns=64, height=HEIGHT, width=WIDTH)
    limit = 0.3 + 0.2 / LEAST_INSIDE  # of a box that begins at 0.3
    label = fitted((0, 0.3, 0, limit - 0.01, 1), (1, 0.3, 0, limit + 0.01, 1), (0, 0.5, 0, 0.7, 1))
    cropped = there(TASK.crop_label(label, window))
    np.testing.assert_allclose(cropped, rows((0, 0.6, 0, 1, 1), (255, 0.6, 0, 1, 1)), atol=1e-6)


# --- targets, loss and decoding -----------------------------------------------------------------


def scattered(seed: int) -> NDArray[np.float32]:
    """Boxes of both classes in 8 by 4 parts of a frame, none of them near another's centre."""
    generator = np.random.default_rng(seed)
    places = [(x, y) for x in range(4) for y in range(2) if generator.random() < 0.7]
    boxes = np.zeros((len(places), 5), np.float32)
    boxes[:, 0] = generator.integers(0, 2, len(places))
    centres = (np.array(places).reshape(-1, 2) + 0.5) / (4, 2)
    centres += generator.uniform(-0.02, 0.02, centres.shape)
    sides = generator.uniform(0.005, 0.2, centres.shape)
    boxes[:, 1:3], boxes[:, 3:] = centres - sides / 2, centres + sides / 2
    return boxes


@pytest.mark.parametrize("stride", [4, 8, 16])
def test_decoding_what_was_encoded_gives_the_boxes_back(stride: int) -> None:
    for seed in range(5):
        boxes = scattered(seed)
        found = decode_boxes(perfect(fitted(*map(tuple, boxes)), stride), least_score=0.9)[0]
        table = np.column_stack([found.kinds.numpy(), found.corners.numpy()])
        order, wanted = np.lexsort(table.T[::-1]), np.lexsort(boxes.T[::-1])
        np.testing.assert_allclose(table[order], boxes[wanted], atol=1e-5)


def test_an_object_is_found_in_the_channel_of_its_class() -> None:
    output = perfect(fitted((1, 0.25, 0.25, 0.5, 0.75)))
    assert output[0, 1].max() > 10 > -10 > output[0, 0].max()
    assert decode_boxes(output)[0].kinds.tolist()[:1] == [1]


def test_boxes_are_few_ordered_and_bounded_whatever_the_output() -> None:
    generator = torch.Generator().manual_seed(0)
    wild = 30 * torch.randn(2, 6, 16, 32, generator=generator)
    wild[0, :, ::2], wild[1, :, ::3] = float("nan"), float("inf")
    for found in decode_boxes(wild, most=20):
        assert len(found.scores) <= 20
        assert (found.scores.diff() <= 0).all()
        assert ((found.corners >= 0) & (found.corners <= 1)).all()
        assert (found.corners[:, 2:] >= found.corners[:, :2]).all()


def test_regions_to_ignore_teach_nothing_and_other_places_do() -> None:
    label = fitted((255, 0.5, 0, 1, 1), (0, 0.1, 0.2, 0.3, 0.6))
    statistics = TASK.statistics([])
    output = torch.zeros(1, 6, 16, 32, requires_grad=True)
    TASK.loss(output, label, statistics).backward()
    assert output.grad is not None
    assert (output.grad[..., 18:] == 0).all()
    assert (output.grad[:, :2, :, :16] != 0).all()


def test_a_frame_without_objects_teaches_that_there_are_none() -> None:
    output = torch.zeros(1, 6, 16, 32, requires_grad=True)
    TASK.loss(output, fitted(), TASK.statistics([])).backward()
    assert output.grad is not None
    assert (output.grad[:, :2] > 0).all()
    assert (output.grad[:, 2:] == 0).all()


def test_training_begins_near_the_mean_box_and_expects_few_objects() -> None:
    labels = [TASK.resize_label(rows((0, 0.2, 0.2, 0.4, 0.3), (0, 0.5, 0, 0.6, 0.4)), SIZE)]
    bias = TASK.statistics(labels).initial_bias
    assert bias[:2].sigmoid().tolist() == pytest.approx([0.0236, 0.01], rel=0.01)
    assert bias[2:].tolist() == pytest.approx([0, 0, np.log(0.02) / 2, np.log(0.04) / 2], abs=1e-5)


# --- average precision --------------------------------------------------------------------------


def brute_force(truth: list[NDArray[np.float32]], found: list[Boxes], threshold: float) -> float:
    """Average precision of class 0 by the definition: 101 recalls, best precision from there."""
    ranked = sorted(
        (-float(s), frame, i)
        for frame, boxes in enumerate(found)
        for i, s in enumerate(boxes.scores)
    )
    free = [set(range(len(boxes))) for boxes in truth]
    right = []
    for _, frame, i in ranked:
        fit = overlaps(found[frame].corners[i : i + 1].numpy(), truth[frame][:, 1:])[0]
        best = max(free[frame], key=lambda j, fit=fit: fit[j], default=None)  # type: ignore[misc]
        hit = best is not None and fit[best] >= threshold
        if hit:
            free[frame].remove(best)  # type: ignore[arg-type]
        right.append(hit)
    hits = np.cumsum(right)
    precision = hits / (np.arange(len(hits)) + 1)
    recall = hits / sum(map(len, truth))
    levels = np.linspace(0, 1, 101)
    return float(np.mean([max(precision[recall >= r - 1e-9], default=0.0) for r in levels]))


def test_average_precision_is_that_of_its_definition() -> None:
    generator = np.random.default_rng(0)
    truth, found = [], []
    precision = AveragePrecision(("a",))
    for _ in range(6):
        boxes = scattered(int(generator.integers(100)))
        boxes[:, 0] = 0
        near = np.concatenate([boxes, scattered(int(generator.integers(100)))])[:, 1:]
        near = near + generator.normal(0, 0.01, near.shape)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 0.001)
        scores = generator.random(len(near))
        order = np.argsort(-scores)
        table = np.column_stack([np.zeros(len(near)), scores, near])[order]
        truth.append(boxes)
        found.append(detected(*map(tuple, table)))
        precision.add(truth[-1], found[-1])
    result = precision.result()
    wanted = [brute_force(truth, found, t) for t in np.arange(0.5, 0.96, 0.05)]
    assert 0.1 < wanted[0] < 0.9
    assert result["map_50"] == result["ap_50_a"] == pytest.approx(wanted[0], abs=1e-6)
    assert result["map"] == pytest.approx(np.mean(wanted), abs=1e-6)


def test_boxes_of_the_wrong_class_count_for_nothing() -> None:
    precision = AveragePrecision(("a", "b", "c"))
    precision.add(
        rows((0, 0, 0, 0.5, 0.5), (1, 0.5, 0.5, 1, 1)),
        detected((0, 0.9, 0, 0, 0.5, 0.5), (0, 0.8, 0.5, 0.5, 1, 1)),
    )
    result = precision.result()
    assert [result[f"ap_50_{name}"] for name in "abc"] == pytest.approx([1, 0, 0])
    assert result["map_50"] == pytest.approx(0.5)  # of a and b: there is no c


def test_what_is_found_in_a_region_to_ignore_is_not_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = detected((0, 0.9, 0.6, 0.6, 0.8, 0.8), (0, 0.5, 0, 0, 0.5, 0.5))
    values = []
    for region in ([], [(255, 0.5, 0.5, 1, 1)]):
        precision = AveragePrecision(("a", "b"))
        precision.add(rows((0, 0, 0, 0.5, 0.5), *region), found)
        values.append(precision.result()["map_50"])
    assert values == pytest.approx([0.5, 1])
    assert capsys.readouterr().out == ""


def test_regions_to_ignore_alone_are_no_objects() -> None:
    precision = AveragePrecision(("a",))
    precision.add(rows((255, 0, 0, 1, 1)), detected((0, 0.9, 0, 0, 1, 1)))
    assert precision.result() == {"map_50": 0, "map": 0, "ap_50_a": 0}


def test_the_constant_is_the_box_that_fits_most_frames_first() -> None:
    common, rare = (0, 0.1, 0.1, 0.3, 0.5), (0, 0.6, 0.6, 0.9, 0.9)
    near = (0, 0.11, 0.1, 0.3, 0.5)
    boxes = constant_boxes([rows(common), rows(near, rare), rows(common), rows()], 2)
    assert boxes.kinds.tolist() == [0, 0]
    assert boxes.scores.tolist() == pytest.approx([0.75, 0.25])
    np.testing.assert_allclose(boxes.corners.numpy()[1], rare[1:], rtol=1e-6)
    empty = constant_boxes([], 2)
    assert len(empty.scores) == 0


# --- pictures -----------------------------------------------------------------------------------


def test_a_box_is_drawn_on_its_outermost_pixels_and_regions_to_ignore_are_not() -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    label = fitted((0, *box_of(painted())), (255, 0, 0, 1, 1))[0].numpy()
    lit = torch.from_numpy(TASK.picture_of_label(label, image).any(-1))
    inner = torch.zeros_like(lit)
    inner[21:43, 31:61] = True
    assert torch.equal(lit, painted().bool() & ~inner)


# --- learning -----------------------------------------------------------------------------------


def rectangles(frames: int, seed: int) -> CachedFrames:
    """Blue blocks (class 0) and red posts (class 1) on a noisy ground."""
    generator = np.random.default_rng(seed)
    images = generator.integers(60, 140, (frames, 1, 3, HEIGHT, WIDTH)).astype(np.uint8)
    labels = np.full((frames, MOST_BOXES, 5), -1, np.float32)
    for image, label in zip(images[:, 0], labels, strict=True):
        for index in range(int(generator.integers(1, 5))):
            kind = int(generator.integers(2))
            high = int(generator.integers(10, 24))
            wide = high * 2 if kind == 0 else high // 2
            left, top = generator.integers(0, WIDTH - wide), generator.integers(0, HEIGHT - high)
            image[:, top : top + high, left : left + wide] = 20
            image[2 - 2 * kind, top : top + high, left : left + wide] = 230
            corners = np.array([left, top, left + wide, top + high])
            label[index] = (kind, *(corners / (WIDTH, HEIGHT, WIDTH, HEIGHT)))
    return CachedFrames(
        source_name="rectangles",
        split="train",
        tasks=(DETECTION,),
        has_previous=False,
        images=images,
        labels={"detection": labels},
        labelled={"detection": np.ones(frames, np.bool_)},
    )


def trained(cached: CachedFrames, samples: int) -> Training:
    tasks = {"detection": TASK}
    data = TrainingData([cached], tasks, streams=1, samples=samples, batch_size=4, seed=0)
    architecture = replace(shared([DETECTION]), encoder=EncoderSpec(depth="resnet10", width=16))
    training = Training(build_network(architecture), data, label_statistics([cached], tasks))
    training.run()
    return training


@pytest.mark.slow
def test_a_trained_network_finds_more_than_the_best_constant() -> None:
    train, val = rectangles(96, seed=0), rectangles(32, seed=1)
    training, tasks = trained(train, samples=800), {"detection": TASK}
    losses = [step["detection"] for step in training.history]
    assert 0.3 < losses[0] < 20
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])
    constant = constant_metrics(training.statistics, [val], tasks)["detection"]
    reached = evaluate(training.network, [val], tasks)["detection"]
    assert reached["map_50"] > max(0.2, 2 * constant["map_50"])
