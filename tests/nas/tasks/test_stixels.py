from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.column_position import peaked_logits
from nas.tasks.stixels import FREE, UNLABELLED, Stixels, decode_stixels
from search_spaces.default_tasks import STIXELS
from search_spaces.task_spec import ArchitectureError, TaskSpec

TASK = Stixels(STIXELS)
SIZE = Resolution(64, 32)
ROWS, COLUMNS = 8, 16


def columns(*places: tuple[float, float]) -> torch.Tensor:
    """A label ``(1, 2, w)`` of bases and tops."""
    return torch.tensor([places], dtype=torch.float32).transpose(1, 2)


def saying(*places: tuple[float, float, float]) -> torch.Tensor:
    """An output ``(1, 3, h, w)`` of bases, tops and logits of presence."""
    base, top, presence = torch.tensor([places], dtype=torch.float32).unbind(2)
    scores = [peaked_logits(base, ROWS), peaked_logits(top, ROWS)]
    return torch.stack([*scores, presence[:, None].expand(1, ROWS, -1)], dim=1)


def test_output_decodes_to_columns() -> None:
    said = decode_stixels(saying((0.8, 0.33, 2), (0.5, 0.1, -2)))
    torch.testing.assert_close(said.base, torch.tensor([[0.8, 0.5]]))
    torch.testing.assert_close(said.top, torch.tensor([[0.33, 0.1]]))
    assert said.obstacle.tolist() == [[True, False]]


def test_a_column_is_right_when_presence_base_and_top_are() -> None:
    obstacle = (0.8, 0.3)
    cases = [
        (obstacle, (0.84, 0.26, 1), True),
        (obstacle, (0.86, 0.30, 1), False),  # base off by more than 5 %
        (obstacle, (0.80, 0.24, 1), False),  # top off by more than 5 %
        (obstacle, (0.80, 0.30, -1), False),  # missed
        ((FREE, FREE), (0.80, 0.30, -1), True),
        ((FREE, FREE), (0.80, 0.30, 1), False),  # nothing there
    ]
    unlabelled = ((UNLABELLED, UNLABELLED), (0.1, 0.1, 1))
    for label, output, right in cases:
        evaluator = TASK.evaluator()
        evaluator.update(saying(output, unlabelled[1]), columns(label, unlabelled[0]))
        assert evaluator.result()["column_accuracy"] == right, (label, output)
    evaluator = TASK.evaluator()
    evaluator.update(saying(*(o for _, o, _ in cases)), columns(*(label for label, _, _ in cases)))
    result = evaluator.result()
    assert result["column_accuracy"] == pytest.approx(2 / 6)
    assert result["base_error"] == pytest.approx((0.04 + 0.06) / 4, abs=1e-6)
    assert result["top_error"] == pytest.approx((0.04 + 0.06) / 4, abs=1e-6)


def test_loss_of_free_columns_is_that_of_presence_alone() -> None:
    statistics = TASK.statistics([])
    loss = TASK.loss(saying((0.2, 0.1, 1.5)), columns((FREE, FREE)), statistics)
    assert float(loss) == pytest.approx(math.log1p(math.exp(1.5)))
    wrong_place = TASK.loss(saying((0.2, 0.1, 30)), columns((0.8, 0.1)), statistics)
    right_place = TASK.loss(saying((0.8, 0.1, 30)), columns((0.8, 0.1)), statistics)
    assert float(right_place) < 1e-5 < 1 < float(wrong_place)


def test_resizing_takes_the_column_under_the_centre() -> None:
    label = np.tile(np.linspace(0, 0.9, 256, dtype=np.float32), (2, 1))
    resized = TASK.resize_label(label, SIZE)
    np.testing.assert_array_equal(resized, label[:, 8::16])


def silhouette(label: torch.Tensor, rows: int) -> np.ndarray:
    """Pixels ``(rows, w)`` of the obstacles of a label ``(2, w)``."""
    centres = (torch.arange(rows)[:, None] + 0.5) / rows
    return ((centres >= label[1]) & (centres < label[0]) & (label[0] <= 1)).numpy()


def test_cropped_stixels_are_those_of_the_cropped_picture() -> None:
    generator = np.random.default_rng(0)
    top, base = np.sort(generator.integers(0, 33, (2, 16)) / 32, axis=0).astype(np.float32)
    label = torch.from_numpy(np.stack([base, top]))[None]
    window = Window(top=8, left=16, rows=16, columns=32, height=32, width=64)
    cropped = TASK.crop_label(label.clone(), window)[0]
    picture = silhouette(label[0], 32)[8:24, window.pixel_columns(16)]
    enlarged = picture.repeat(2, axis=0)
    there = ((cropped[0] >= 0) & (cropped[0] <= 1)).numpy()
    assert 4 < there.sum() < 16
    np.testing.assert_array_equal(silhouette(cropped, 32)[:, there], enlarged[:, there])
    assert not enlarged[:, ~there].any()


def test_an_obstacle_outside_the_window_leaves_no_label() -> None:
    window = Window(top=8, left=0, rows=16, columns=64, height=32, width=64)
    above, below = (0.2, 0.1), (0.9, 0.8)
    through, standing = (0.9, 0.1), (0.5, 0.375)
    label = columns(above, below, through, standing, (FREE, FREE), (UNLABELLED, UNLABELLED))
    cropped = TASK.crop_label(label, window)
    nothing = (UNLABELLED, UNLABELLED)
    expected = columns(nothing, nothing, (1, 0), (0.5, 0.25), (FREE, FREE), nothing)
    torch.testing.assert_close(cropped, expected)


def test_mirrored_columns_keep_their_base_and_top() -> None:
    label = columns((0.8, 0.1), (FREE, FREE), (0.6, 0.5))
    assert torch.equal(TASK.flip_label(label), columns((0.6, 0.5), (FREE, FREE), (0.8, 0.1)))


def accuracy(label: np.ndarray, base: float, top: float) -> float:
    return float((np.abs(label - np.array([[base], [top]])) <= 0.05).all(0).mean())


@pytest.mark.parametrize("seed", range(3))
def test_no_stixel_on_a_grid_beats_the_best_constant(seed: int) -> None:
    generator = np.random.default_rng(seed)
    base = generator.normal(0.7, 0.03, 300)
    label = np.stack([base, base - generator.uniform(0.1, 0.4, 300)]).astype(np.float32)
    base_said, top_said, presence = TASK.statistics([label]).constant.tolist()
    assert presence > 0
    grid = np.linspace(0, 1, 101)
    best = max(accuracy(label, b, t) for b in grid for t in grid if t <= b)
    assert accuracy(label, base_said, top_said) >= best - 0.01


def test_where_most_columns_are_free_the_best_constant_is_free() -> None:
    label = np.full((2, 10), FREE, np.float32)
    label[:, :4] = [[0.7], [0.2]]
    statistics = TASK.statistics([label])
    assert float(statistics.constant[2]) < 0
    assert float(statistics.initial_bias[2]) == pytest.approx(math.log(4 / 6), rel=1e-5)
    evaluator = TASK.evaluator()
    output = TASK.constant_output(statistics.constant, SIZE)[..., :10]
    evaluator.update(output, torch.from_numpy(label)[None])
    assert evaluator.result()["column_accuracy"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("base", "top"), [(0.3, 0.4), (1.2, 0.1), (FREE, 0.1), (UNLABELLED, FREE), (0.5, -0.1)]
)
def test_impossible_columns_are_named(base: float, top: float) -> None:
    label = np.full((2, 5), FREE, np.float32)
    label[:, 3] = base, top
    with pytest.raises(ValueError, match=rf"base {base:g} and top {top:g} in column 3"):
        TASK.check_label(label)


def test_pictures_tell_obstacles_free_and_unlabelled_columns_apart() -> None:
    label = np.full((2, COLUMNS), FREE, np.float32)
    label[:, 0] = 0.75, 0.25
    label[:, 1] = UNLABELLED
    picture = TASK.picture_of_label(label, np.full((32, 64, 3), 90, np.uint8))
    assert (picture[:8, :4] == 90).all()
    assert (picture[8:24, :4, 0] > 90).all()
    assert (picture[:, 4:8] == 45).all()
    assert (picture[:28, 8:] == 90).all()
    assert (picture[31, 8:, 1] > 90).all()


def test_another_number_of_channels_is_refused() -> None:
    spec = TaskSpec(name="stixels", kind="stixels", channels=2, output_stride=4)
    with pytest.raises(ArchitectureError, match=r"2 channels.* needs 3 channels"):
        Stixels(spec)
