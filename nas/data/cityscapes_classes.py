"""The classes of Cityscapes, which other data sets use too: label ids, training ids, instances.

Source: ``cityscapesscripts/helpers/labels.py`` in https://github.com/mcordts/cityscapesScripts.
The semantic part of KITTI's 2015 benchmark has the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.source import IGNORE, DataError

#: The 19 classes that are trained and judged, with their label ids, in the order of training ids.
TRAINED_IDS: Mapping[str, int] = {
    "road": 7,
    "sidewalk": 8,
    "building": 11,
    "wall": 12,
    "fence": 13,
    "pole": 17,
    "traffic light": 19,
    "traffic sign": 20,
    "vegetation": 21,
    "terrain": 22,
    "sky": 23,
    "person": 24,
    "rider": 25,
    "car": 26,
    "truck": 27,
    "bus": 28,
    "train": 31,
    "motorcycle": 32,
    "bicycle": 33,
}
CITYSCAPES_CLASSES = tuple(TRAINED_IDS)
#: Classes whose objects are told apart and judged, in the order of their ids.
CITYSCAPES_OBJECTS = CITYSCAPES_CLASSES[CITYSCAPES_CLASSES.index("person") :]
#: Ids of classes whose objects are told apart: those above, caravan (29) and trailer (30).
OBJECT_IDS = range(24, 34)
_LARGEST_ID = 33
#: Licence plates have the id -1, which 8 bits hold as 255.
_LICENCE_PLATE = 255


def training_ids(values: NDArray[np.generic], path: Path) -> NDArray[np.uint8]:
    """Label ids ``(H, W)`` as training ids 0–18, every other class ``IGNORE``.

    Raises ``DataError`` with the file for a value that is no label id.
    """
    if values.dtype.kind not in "ui":
        raise DataError(f"{path}: the label holds {values.dtype} values, give integer label ids")
    ids = values.astype(np.int64)
    bad = ((ids < 0) | (ids > _LARGEST_ID)) & (ids != _LICENCE_PLATE)
    if bad.any():
        raise DataError(
            f"{path}: the label holds the value {ids[bad][0]}, allowed are Cityscapes' label ids "
            f"0 to {_LARGEST_ID}"
        )
    table = np.full(256, IGNORE, np.uint8)
    table[list(TRAINED_IDS.values())] = np.arange(len(TRAINED_IDS))
    return table[ids]
