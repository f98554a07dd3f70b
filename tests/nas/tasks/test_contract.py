"""Every kind of task through the same checks; a new kind adds one case here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.box_targets import box_targets
from nas.tasks.column_position import peaked_logits
from nas.tasks.heat_map import peaked_map
from nas.tasks.kinds import KINDS, make_task
from nas.tasks.task import Array, LabelStatistics, Task
from search_spaces.task_spec import TaskSpec

HEIGHT, WIDTH = 48, 64
RESOLUTION = Resolution(WIDTH, HEIGHT)
WINDOW = Window(top=3, left=5, rows=36, columns=48, height=HEIGHT, width=WIDTH)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A task, how to draw a label of it, and the output that predicts a label perfectly.

    ``label`` draws what a source gives for a frame of 64×48; ``perfect`` makes an output of a
    batch of fitted labels. ``unlabel_half`` takes some of the labels away, ``change_half`` puts
    another output where they were. ``best`` are metrics of a perfect output that are not 1 and 0.
    """

    spec: TaskSpec
    label: Callable[[np.random.Generator], Array]
    perfect: Callable[[Tensor], Tensor]
    broken: Array
    worst: dict[str, float]
    unlabel_half: Callable[[Tensor], Tensor]
    change_half: Callable[[Tensor, Tensor], Tensor]
    best: dict[str, float] = field(default_factory=dict)


def without_first_half(none: float) -> Callable[[Tensor], Tensor]:
    """Labels of frames ``(B, …)`` of which the first half has none."""

    def unlabel(label: Tensor) -> Tensor:
        label[: len(label) // 2] = none
        return label

    return unlabel


def changed_first_half(output: Tensor, other: Tensor) -> Tensor:
    """The output ``(B, C)`` with the first half of another one."""
    half = len(output) // 2
    return torch.cat([other[:half], output[half:]])


def without_even_columns(none: float) -> Callable[[Tensor], Tensor]:
    """Labels ``(B, 2 or h, w)`` of cells whose even columns have none."""

    def unlabel(label: Tensor) -> Tensor:
        label[..., ::2] = none
        return label

    return unlabel


def changed_even_columns(output: Tensor, other: Tensor) -> Tensor:
    """The output ``(B, C, h, w)`` with another one's even columns."""
    return torch.where(torch.arange(output.shape[3]) % 2 == 0, other, output)


def without_even_rows(label: Tensor) -> Tensor:
    """Labels ``(B, H, W)`` whose even rows have no label (255 of classes, 0 of metres)."""
    label[:, ::2] = 0 if label.dtype.is_floating_point else 255
    return label


def changed_even_rows(output: Tensor, other: Tensor) -> Tensor:
    """The output ``(B, C, H, W)`` with another one's even rows."""
    return torch.where(torch.arange(output.shape[2])[:, None] % 2 == 0, other, output)


def class_label(
    shares: tuple[float, ...], ignored: float
) -> Callable[[np.random.Generator], Array]:
    def draw(generator: np.random.Generator) -> Array:
        label = generator.choice(len(shares), (HEIGHT, WIDTH), p=shares).astype(np.uint8)
        label[generator.random((HEIGHT, WIDTH)) < ignored] = 255
        return label

    return draw


def depth_label(generator: np.random.Generator) -> Array:
    metres = np.exp(generator.normal(2.5, 0.8, (HEIGHT, WIDTH))).astype(np.float32)
    metres[generator.random((HEIGHT, WIDTH)) < 0.3] = 0
    return metres


def stixels_label(generator: np.random.Generator) -> Array:
    top, base = np.sort(generator.uniform(0, 1, (2, WIDTH)).astype(np.float32), axis=0)
    label = np.stack([base, top])
    label[:, generator.random(WIDTH) < 0.3] = 2
    label[:, generator.random(WIDTH) < 0.1] = -1
    return label


def perfect_stixels(label: Tensor) -> Tensor:
    base, top = (peaked_logits(label[:, i].clamp(0, 1), HEIGHT // 4) for i in (0, 1))
    presence = torch.where(label[:, :1] == 2, -20.0, 20.0).expand_as(base)
    return torch.stack([base, top, presence], dim=1)


def odometry_label(generator: np.random.Generator) -> Array:
    forward = generator.normal((0, 0, 1.5), (0.05, 0.02, 0.5))
    chained = float(generator.random() < 0.5)
    return np.array([*forward, *generator.normal(0, 0.02, 3), chained], np.float32)


def perfect_odometry(label: Tensor) -> Tensor:
    return torch.cat([label[:, :3], label[:, 3:6].rad2deg()], dim=1)


def calibration_label(generator: np.random.Generator) -> Array:
    point = generator.normal((0.5, 0.45), 0.05)
    return np.array([*point, *generator.uniform(0.6, 1.4, 2), 0.51, 0.48], np.float32)


def perfect_classes(classes: int) -> Callable[[Tensor], Tensor]:
    def output(label: Tensor) -> Tensor:
        index = torch.where(label == 255, 0, label).long()
        return 20 * torch.nn.functional.one_hot(index, classes).movedim(-1, 1).float()

    return output


def box_label(generator: np.random.Generator) -> Array:
    """A box in most of 4 by 3 parts of the frame, no two centres in neighbouring cells."""
    places = [(x, y) for x in range(4) for y in range(3) if generator.random() < 0.6]
    boxes = np.zeros((len(places), 5), np.float32)
    boxes[:, 0] = generator.choice([0, 1, 255], len(places), p=[0.5, 0.4, 0.1])
    centres = np.array(places).reshape(-1, 2) + generator.uniform(0.3, 0.7, (len(places), 2))
    centres /= (4, 3)
    sides = np.minimum(
        generator.uniform(0.05, 0.4, centres.shape), 2 * np.minimum(centres, 1 - centres)
    )
    boxes[:, 1:3], boxes[:, 3:] = centres - sides / 2, centres + sides / 2
    return boxes.clip(0, (255, 1, 1, 1, 1)).astype(np.float32)


def perfect_boxes(label: Tensor) -> Tensor:
    target = box_targets(label, 2, HEIGHT // 4, WIDTH // 4)
    return torch.cat([target.heat.clamp(1e-9, 1 - 1e-7).logit(), target.boxes], dim=1)


def without_even_frames(label: Tensor) -> Tensor:
    """Labels ``(B, 64, 5)`` of boxes, those of even frames taken away."""
    label[::2] = -2
    return label


def changed_even_frames(output: Tensor, other: Tensor) -> Tensor:
    """The output ``(B, …)`` with another one's even frames."""
    even = torch.arange(len(output)) % 2 == 0
    return torch.where(even.view(-1, *[1] * (output.ndim - 1)), other, output)


CASES = {
    "segmentation": Case(
        spec=TaskSpec(
            name="road_scene", kind="segmentation", channels=4, classes=("a", "b", "c", "d")
        ),
        label=class_label((0.6, 0.3, 0.08, 0.02), ignored=0.1),
        perfect=perfect_classes(4),
        broken=np.full((HEIGHT, WIDTH), 4, np.uint8),
        worst={"miou": 0, "pixel_accuracy": 0},
        unlabel_half=without_even_rows,
        change_half=changed_even_rows,
    ),
    "depth": Case(
        spec=TaskSpec(name="depth", kind="depth", channels=1, positive=True),
        label=depth_label,
        perfect=lambda label: torch.where(label > 0, label, 7.0)[:, None],
        broken=np.full((HEIGHT, WIDTH), np.nan, np.float32),
        worst={"delta_1_25": 0, "abs_rel": 79, "rmse_m": 79},
        unlabel_half=without_even_rows,
        change_half=changed_even_rows,
    ),
    "detection": Case(
        spec=TaskSpec(
            name="objects", kind="detection", channels=6, classes=("a", "b"), output_stride=4
        ),
        label=box_label,
        perfect=perfect_boxes,
        broken=np.array([[2, 0, 0, 1, 1]], np.float32),
        worst={"map_50": 0, "map": 0},
        unlabel_half=without_even_frames,
        change_half=changed_even_frames,
    ),
    "motion": Case(
        spec=TaskSpec(name="motion", kind="motion", channels=2, classes=("static", "moving")),
        label=class_label((0.96, 0.04), ignored=0.1),
        perfect=perfect_classes(2),
        broken=np.full((HEIGHT, WIDTH), 2, np.uint8),
        worst={"iou_moving": 0, "miou": 0},
        unlabel_half=without_even_rows,
        change_half=changed_even_rows,
    ),
    "classification": Case(
        spec=TaskSpec(
            name="weather",
            kind="classification",
            channels=3,
            classes=("clear", "rain", "snow"),
            output_stride=0,
        ),
        label=lambda generator: np.array(generator.choice(3, p=(0.5, 0.3, 0.2)), np.uint8),
        perfect=perfect_classes(3),
        broken=np.array(3, np.uint8),
        worst={"balanced_accuracy": 0, "accuracy": 0},
        unlabel_half=without_first_half(255),
        change_half=changed_first_half,
    ),
    "tiles": Case(
        spec=TaskSpec(
            name="dirt", kind="tiles", channels=3, classes=("no", "some", "all"), output_stride=8
        ),
        label=class_label((0.7, 0.15, 0.15), ignored=0.45),
        perfect=perfect_classes(3),
        broken=np.full((HEIGHT, WIDTH), 3, np.uint8),
        worst={"balanced_accuracy": 0, "accuracy": 0},
        unlabel_half=without_even_columns(255),
        change_half=changed_even_columns,
    ),
    "stixels": Case(
        spec=TaskSpec(name="stixels", kind="stixels", channels=3, output_stride=4),
        label=stixels_label,
        perfect=perfect_stixels,
        broken=np.full((2, WIDTH), np.nan, np.float32),
        worst={"column_accuracy": 0, "base_error": 1, "top_error": 1},
        unlabel_half=without_even_columns(-1),
        change_half=changed_even_columns,
    ),
    "odometry": Case(
        spec=TaskSpec(name="odometry", kind="odometry", channels=6, output_stride=0),
        label=odometry_label,
        perfect=perfect_odometry,
        broken=np.full(7, np.nan, np.float32),
        worst={"translation_percent": 100, "rotation_deg_per_m": 1},
        unlabel_half=without_first_half(-1e9),
        change_half=changed_first_half,
    ),
    "calibration": Case(
        spec=TaskSpec(name="calibration", kind="calibration", channels=1, output_stride=8),
        label=calibration_label,
        perfect=lambda label: peaked_map(label[:, :2], HEIGHT // 8, WIDTH // 8)[:, None],
        broken=np.full(6, np.nan, np.float32),
        worst={"angular_error_deg": 90, "yaw_error_deg": 90, "pitch_error_deg": 90},
        unlabel_half=without_first_half(-1e9),
        change_half=changed_first_half,
    ),
}


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def task(case: Case) -> Task:
    return make_task(case.spec)


@pytest.fixture
def drawn(case: Case) -> list[Array]:
    """Labels as a source gives them."""
    generator = np.random.default_rng(0)
    return [case.label(generator) for _ in range(6)]


@pytest.fixture
def labels(task: Task, drawn: list[Array]) -> list[Array]:
    """Labels as training sees them."""
    return [task.resize_label(label, RESOLUTION) for label in drawn]


@pytest.fixture
def statistics(task: Task, labels: list[Array]) -> LabelStatistics:
    return task.statistics(iter(labels))


def batch(labels: list[Array]) -> Tensor:
    return torch.from_numpy(np.stack(labels))


def unlabelled(task: Task) -> Array:
    return np.full(task.label_shape(RESOLUTION), task.unlabelled, task.label_dtype)


def as_network(task: Task, raw: Tensor) -> Tensor:
    """What the network's end makes of raw values."""
    return raw.exp() if task.spec.positive else raw


def random_output(task: Task, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    constant = task.constant_output(torch.zeros(task.spec.channels), RESOLUTION)
    return torch.randn(6, *constant.shape[1:], generator=generator)


def is_better(task: Task, value: float, other: float) -> bool:
    return value >= other if task.primary.direction == "maximize" else value <= other


def test_every_kind_has_a_case() -> None:
    assert {case.spec.kind for case in CASES.values()} == set(KINDS)


def test_labels_drawn_for_a_case_pass_the_check(task: Task, drawn: list[Array]) -> None:
    for label in drawn:
        task.check_label(label)
        assert label.dtype == task.label_dtype


def test_broken_label_is_named(task: Task, case: Case) -> None:
    with pytest.raises(ValueError, match=r"the label holds .* allowed are") as error:
        task.check_label(case.broken)
    assert "\n" not in str(error.value)


def test_label_of_wrong_shape_or_type_is_named(task: Task) -> None:
    for label in (np.zeros((3, 4, 5), task.label_dtype), np.zeros((3, 4), np.complex64)):
        with pytest.raises(ValueError, match=r"the label is .* of shape"):
            task.check_label(label)


@pytest.mark.parametrize("size", ["32x32", "64x48", "128x96", "40x33", "128x32"])
def test_resizing_never_invents_a_value(task: Task, drawn: list[Array], size: str) -> None:
    resolution = Resolution.parse(size)
    resized = task.resize_label(drawn[0], resolution)
    assert resized.shape == task.label_shape(resolution)
    assert resized.dtype == task.label_dtype
    known = (*np.unique(drawn[0]), -1)  # -1 fills a list of boxes up
    assert np.isin(resized, known).all()


def test_resizing_pixels_to_their_own_size_changes_nothing(task: Task, drawn: list[Array]) -> None:
    if task.label_shape(RESOLUTION) == (HEIGHT, WIDTH):
        np.testing.assert_array_equal(task.resize_label(drawn[0], RESOLUTION), drawn[0])


def test_flipping_twice_is_identity(task: Task, labels: list[Array]) -> None:
    label = batch(labels)
    flipped = task.flip_label(label.clone())
    assert torch.equal(flipped, label) == (label.ndim == 1)  # a class of a frame stays
    torch.testing.assert_close(task.flip_label(flipped.clone()), label)


def test_cropping_keeps_the_shape_and_what_is_unlabelled(task: Task, labels: list[Array]) -> None:
    label = batch(labels)
    cropped = task.crop_label(label.clone(), WINDOW)
    assert (cropped.shape, cropped.dtype) == (label.shape, label.dtype)
    nothing = torch.from_numpy(unlabelled(task))[None]
    assert torch.equal(task.crop_label(nothing.clone(), WINDOW), nothing)
    assert torch.equal(task.flip_label(nothing.clone()), nothing)


def test_the_whole_frame_as_window_changes_nothing(task: Task, labels: list[Array]) -> None:
    whole = Window(top=0, left=0, rows=HEIGHT, columns=WIDTH, height=HEIGHT, width=WIDTH)
    label = batch(labels)
    torch.testing.assert_close(task.crop_label(label.clone(), whole), label)


def test_statistics_have_the_shapes_of_the_output(task: Task, statistics: LabelStatistics) -> None:
    shape = (task.spec.channels,)
    assert statistics.initial_bias.shape == statistics.constant.shape == shape
    assert statistics.initial_bias.isfinite().all()
    if statistics.weights is not None:
        assert statistics.weights.shape == shape
        assert (statistics.weights > 0).all()


def test_statistics_without_any_label_are_finite(task: Task) -> None:
    for labels in ([], [unlabelled(task)]):
        statistics = task.statistics(iter(labels))
        assert statistics.initial_bias.isfinite().all()
        assert statistics.constant.isfinite().all()


def test_perfect_output_has_almost_no_loss(
    task: Task, case: Case, labels: list[Array], statistics: LabelStatistics
) -> None:
    loss = task.loss(case.perfect(batch(labels)), batch(labels), statistics)
    assert loss.shape == ()
    assert 0 <= float(loss) < 1e-5


def test_loss_is_positive_finite_and_falls_along_its_gradient(
    task: Task, labels: list[Array], statistics: LabelStatistics
) -> None:
    raw = random_output(task).requires_grad_()
    loss = task.loss(as_network(task, raw), batch(labels), statistics)
    loss.backward()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()
    assert raw.grad.abs().sum() > 0
    step = raw.detach() - 0.1 * raw.grad / raw.grad.abs().max()
    assert (
        0
        < float(task.loss(as_network(task, step), batch(labels), statistics))
        < float(loss.detach())
    )


def test_loss_of_reduced_precision_is_computed_in_full(
    task: Task, labels: list[Array], statistics: LabelStatistics
) -> None:
    output = as_network(task, random_output(task)).bfloat16()
    loss = task.loss(output, batch(labels), statistics)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, task.loss(output.float(), batch(labels), statistics))


def test_unlabelled_batch_has_zero_loss_and_gradient(
    task: Task, statistics: LabelStatistics
) -> None:
    raw = random_output(task).requires_grad_()
    label = torch.from_numpy(np.stack([unlabelled(task)] * 6))
    loss = task.loss(as_network(task, raw), label, statistics)
    loss.backward()
    assert float(loss.detach()) == 0
    assert raw.grad is not None
    assert (raw.grad == 0).all()


def test_what_is_unlabelled_changes_neither_loss_nor_metrics(
    task: Task, case: Case, labels: list[Array], statistics: LabelStatistics
) -> None:
    label = case.unlabel_half(batch(labels))
    output = as_network(task, random_output(task))
    other = case.change_half(output, as_network(task, random_output(task, seed=1)))
    assert not torch.equal(output, other)
    assert torch.equal(task.loss(output, label, statistics), task.loss(other, label, statistics))
    assert measure(task, output, label) == measure(task, other, label)


def measure(task: Task, output: Tensor, label: Tensor) -> dict[str, float]:
    evaluator = task.evaluator()
    evaluator.update(output, label)
    return evaluator.result()


def test_perfect_output_has_the_best_metrics(task: Task, case: Case, labels: list[Array]) -> None:
    result = measure(task, case.perfect(batch(labels)), batch(labels))
    best = {"maximize": 1.0, "minimize": 0.0}
    for metric in task.metrics:
        wanted = case.best.get(metric.name, best[metric.direction])
        assert result[metric.name] == pytest.approx(wanted, abs=1e-5)


def test_metrics_without_any_label_are_the_worst(task: Task, case: Case) -> None:
    label = torch.from_numpy(unlabelled(task))[None]
    result = measure(task, as_network(task, random_output(task))[:1], label)
    assert {metric.name: result[metric.name] for metric in task.metrics} == case.worst
    assert task.evaluator().result() == result


def test_metrics_do_not_depend_on_the_batches(task: Task, labels: list[Array]) -> None:
    output, label = as_network(task, random_output(task)), batch(labels)
    evaluator = task.evaluator()
    for start, stop in ((0, 1), (1, 4), (4, 6)):
        evaluator.update(output[start:stop], label[start:stop])
    assert evaluator.result() == pytest.approx(measure(task, output, label))


def test_metrics_survive_an_output_that_is_not_finite(task: Task, labels: list[Array]) -> None:
    for value in (float("nan"), float("inf")):
        output = torch.full_like(random_output(task), value)
        result = measure(task, output, batch(labels))
        assert all(np.isfinite(list(result.values())))


def test_no_random_constant_beats_the_best_constant(
    task: Task, labels: list[Array], statistics: LabelStatistics
) -> None:
    name = task.primary.name
    best = task.evaluate_constant(statistics, labels, RESOLUTION)[name]
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        raw = statistics.initial_bias + torch.randn(task.spec.channels, generator=generator)
        constant = task.constant_output(as_network(task, raw), RESOLUTION)
        value = measure(task, constant.expand(6, *constant.shape[1:]), batch(labels))[name]
        allowance = 1e-3 if task.primary.direction == "maximize" else -1e-3
        assert is_better(task, best + allowance, value)


def test_pictures_of_a_label_and_its_perfect_output_agree(
    task: Task, case: Case, labels: list[Array]
) -> None:
    label, image = labels[0], np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    of_label = task.picture_of_label(label, image)
    of_output = task.picture_of_output(case.perfect(batch(labels))[0], image)
    assert of_label.shape == of_output.shape == (HEIGHT, WIDTH, 3)
    assert of_label.dtype == of_output.dtype == np.uint8
    assert (image == 90).all(), "the frame itself was painted"
    assert (of_label != image).any()
    shown = labelled_pixels(task, label)
    if label.shape == shown.shape:
        assert (of_label[~shown] == 0).all()
        assert (of_label[shown].max(axis=-1) > 0).all()
    np.testing.assert_array_equal(of_label[shown], of_output[shown])


def labelled_pixels(task: Task, label: Array) -> NDArray[np.bool_]:
    """Pixels of the frame that a label of pixels, cells or columns says something of."""
    stride = task.spec.output_stride
    if label.ndim != 2 or not stride or label.shape[1] * stride != WIDTH:
        return np.ones((HEIGHT, WIDTH), np.bool_)
    rows = np.arange(HEIGHT) * len(label) // HEIGHT
    return np.asarray(label != task.unlabelled)[rows[:, None], np.arange(WIDTH) // stride]


def test_the_picture_of_no_label_can_be_drawn(task: Task) -> None:
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    assert task.picture_of_label(unlabelled(task), image).shape == image.shape
