from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.data.cityscapes_classes import CITYSCAPES_CLASSES, CITYSCAPES_OBJECTS, training_ids
from nas.data.source import DataError

#: Training id by label id, as cityscapesscripts/helpers/labels.py lists them; the rest is 255.
REFERENCE = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12,
    26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18,
}  # fmt: skip


def test_label_ids_become_training_ids() -> None:
    ids = np.array([[*range(34), 255]], np.uint8)
    wanted = [[REFERENCE.get(int(i), 255) for i in ids[0]]]
    np.testing.assert_array_equal(training_ids(ids, Path("a.png")), wanted)


def test_objects_are_the_eight_judged_ones() -> None:
    assert len(CITYSCAPES_CLASSES) == 19
    assert CITYSCAPES_OBJECTS == (
        "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
    )  # fmt: skip


def test_a_value_that_is_no_id_is_named() -> None:
    with pytest.raises(DataError, match=r"a\.png: the label holds the value 34, allowed are"):
        training_ids(np.array([[7, 34]], np.uint8), Path("a.png"))
