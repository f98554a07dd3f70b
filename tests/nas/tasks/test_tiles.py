from __future__ import annotations

import numpy as np
import pytest
import torch

from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.tiles import Tiles
from search_spaces.task_spec import ArchitectureError, TaskSpec

CLASSES = ("clean", "drops", "mud")
TASK = Tiles(TaskSpec(name="dirt", kind="tiles", channels=3, classes=CLASSES, output_stride=8))
SIZE = Resolution(48, 32)


def one_tile(*counts: int) -> np.ndarray:
    """A frame of 32×48 pixels that is mud but for its first tile, of so many pixels a class."""
    values = [
        value for value, count in zip((0, 1, 2, 255), counts, strict=True) for _ in [0] * count
    ]
    label = np.full((32, 48), 2, np.uint8)
    label[:8, :8] = np.random.default_rng(0).permutation(values).reshape(8, 8)
    return label


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((64, 0, 0, 0), 0),
        ((51, 0, 13, 0), 2),  # 13 of 64 is just above a fifth
        ((52, 0, 12, 0), 0),
        ((51, 13, 0, 0), 1),
        ((51, 6, 7, 0), 1),  # a fifth is drops or worse, not all of it mud
        ((26, 0, 7, 31), 2),  # a fifth of what is labelled
        ((32, 0, 0, 32), 0),
        ((0, 0, 31, 33), 255),  # most of it is unlabelled
    ],
)
def test_a_tile_has_the_worst_class_that_covers_a_fifth(
    counts: tuple[int, ...], expected: int
) -> None:
    tiles = TASK.resize_label(one_tile(*counts), SIZE)
    assert tiles[0, 0] == expected
    assert (tiles.ravel()[1:] == 2).all()


def test_tiles_cut_off_by_the_edge_judge_the_pixels_that_they_have() -> None:
    label = np.zeros((33, 40), np.uint8)
    label[32] = 1
    tiles = TASK.resize_label(label, Resolution(40, 33))
    assert tiles.shape == (5, 5)
    assert (tiles[4] == 1).all()
    assert (tiles[:4] == 0).all()


def test_tiles_of_a_larger_source_are_those_of_its_area() -> None:
    label = np.zeros((320, 480), np.uint8)
    label[:80, 400:] = 2
    tiles = TASK.resize_label(label, SIZE)
    assert (tiles[0, 5], int(tiles.sum())) == (2, 2)


def test_flipping_mirrors_the_grid() -> None:
    label = np.random.default_rng(0).integers(0, 3, (32, 48)).astype(np.uint8)
    mirrored = TASK.resize_label(np.ascontiguousarray(label[:, ::-1]), SIZE)
    tiles = torch.from_numpy(TASK.resize_label(label, SIZE))[None]
    np.testing.assert_array_equal(TASK.flip_label(tiles)[0].numpy(), mirrored)


def test_cropping_takes_the_tile_under_each_new_centre() -> None:
    label = torch.arange(24, dtype=torch.uint8).view(1, 4, 6)
    window = Window(top=8, left=0, rows=24, columns=40, height=32, width=48)
    # New centres 4, 12, … of 32 rows lie on rows 8 + 24/32 · (4, 12, …) = 11, 17, 23, 29.
    rows, columns = [1, 2, 2, 3], [0, 1, 2, 2, 3, 4]
    expected = label[:, rows][:, :, columns]
    assert torch.equal(TASK.crop_label(label, window), expected)


def test_cropping_agrees_with_cropped_pixels_where_tiles_are_of_one_class() -> None:
    pixels = np.zeros((32, 48), np.uint8)
    pixels[16:, :24] = 1
    window = Window(top=4, left=6, rows=24, columns=36, height=32, width=48)
    tiles = torch.from_numpy(TASK.resize_label(pixels, SIZE))[None]
    cropped = TASK.resize_label(pixels[4:28, 6:42], SIZE)
    np.testing.assert_array_equal(TASK.crop_label(tiles, window)[0].numpy(), cropped)


def test_a_task_of_pixels_has_no_tiles() -> None:
    with pytest.raises(ArchitectureError, match="output_stride is 1, kind tiles needs 4, 8"):
        Tiles(TaskSpec(name="dirt", kind="tiles", channels=3))
