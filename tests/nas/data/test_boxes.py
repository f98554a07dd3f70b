from __future__ import annotations

import numpy as np

from nas.data.boxes import Box, box_label, boxes_of_objects


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
