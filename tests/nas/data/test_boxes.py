from __future__ import annotations

import numpy as np

from nas.data.boxes import Box, box_label, boxes_of_objects, boxes_of_regions


def test_boxes_become_shares_clipped_to_the_frame() -> None:
    label = box_label([Box(1, -10, 5, 30, 20), Box(255, 0, 0, 60, 99)], height=40, width=60)
    assert label.dtype == np.float32
    np.testing.assert_allclose(label, [[1, 0, 0.125, 0.5, 0.5], [255, 0, 0, 1, 1]])


def test_boxes_outside_and_empty_boxes_are_left_out() -> None:
    boxes = [Box(0, 60, 0, 70, 10), Box(0, 5, 5, 5, 9), Box(0, 1, -9, 2, 0)]
    assert box_label(boxes, height=40, width=60).shape == (0, 5)
    assert box_label([], height=40, width=60).shape == (0, 5)


def test_boxes_hold_every_pixel_of_their_object() -> None:
    generator = np.random.default_rng(0)
    objects = generator.choice([0, 0, 0, 7, 26001], (12, 17)).astype(np.int32)
    objects[3, 4] = 9
    found = boxes_of_objects(objects)
    assert set(found) == {7, 9, 26001}
    assert found[9] == (4, 3, 5, 4)
    for value, (left, top, right, bottom) in found.items():
        rows, columns = np.nonzero(objects == value)
        assert (top, bottom) == (rows.min(), rows.max() + 1)
        assert (left, right) == (columns.min(), columns.max() + 1)


def test_no_object_gives_no_box() -> None:
    assert boxes_of_objects(np.zeros((4, 4), np.int32)) == {}


def flooded(mask: np.ndarray) -> set[tuple[int, int, int, int]]:
    """Boxes of connected regions, by flooding each from its first pixel."""
    left = mask.copy()
    found = set()
    while left.any():
        stack = [tuple(np.argwhere(left)[0])]
        region = []
        while stack:
            row, column = stack.pop()
            inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
            if inside and left[row, column]:
                left[row, column] = False
                region.append((row, column))
                stack += [(row + 1, column), (row - 1, column)]
                stack += [(row, column + 1), (row, column - 1)]
        rows, columns = zip(*region, strict=True)
        found.add((min(columns), min(rows), max(columns) + 1, max(rows) + 1))
    return found


def test_regions_are_the_connected_ones() -> None:
    generator = np.random.default_rng(0)
    for share in (0.2, 0.5, 0.6, 0.8):
        mask = generator.random((15, 21)) < share
        assert {tuple(map(int, sides)) for sides in boxes_of_regions(mask)} == flooded(mask)
    assert boxes_of_regions(np.zeros((3, 3), bool)) == []
    assert boxes_of_regions(np.ones((3, 4), bool)) == [(0, 0, 4, 3)]
