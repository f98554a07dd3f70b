"""Labels that a manifest holds as JSON: boxes, columns, poses, classes and calibrations.

``parse_label`` checks all that can be told from the value alone, before any image is decoded;
``array`` turns pixels into shares once the image's size is known. Both raise ``LabelError`` with
the entry of the value that is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nas.data.boxes import Box, box_label
from nas.data.image_files import read_text
from nas.data.manifest_line import choices, number_of, shown
from nas.data.manifest_tasks import IGNORED_BOX
from nas.data.poses import is_rotation, pose_vector
from nas.data.source import IGNORE, DataError
from search_spaces.json_document import JsonError, read_json
from search_spaces.spelling import one_line
from search_spaces.task_spec import TaskSpec

#: A label file is read whole; this holds 60,000 boxes, or the columns of any camera.
_LARGEST_FILE_BYTES = 4 * 2**20
_MOST_BOXES = 4096
_MOST_COLUMNS = 65536
#: Between two frames no camera moves further.
_LARGEST_STEP_METRES = 1000.0
_FREE = "free"
#: What the columns of a stixel label hold besides shares of the height.
FREE_COLUMN = 2.0
UNLABELLED_COLUMN = -1.0


class LabelError(ValueError):
    """A label that is wrong; begins with the entry, as in ``[2][1] is "x", give …``."""


class JsonLabel(Protocol):
    """A label of one frame, as its line or its JSON file gives it."""

    def array(self, height: int, width: int) -> NDArray[np.generic]:
        """The label of a frame of this size, in the form that ``Frame.labels`` holds."""


def reads_json(kind: str) -> bool:
    """Whether labels of this kind of task are JSON values, as opposed to label images."""
    return kind in _PARSERS


def may_be_file(kind: str) -> bool:
    """Whether a text in place of such a label is the path of a JSON file."""
    return kind in ("detection", "stixels")


def parse_label(value: object, spec: TaskSpec) -> JsonLabel:
    """The label of a task from its JSON value; raises ``LabelError``."""
    return _PARSERS[spec.kind](value, spec)


def read_label_file(path: Path, spec: TaskSpec) -> JsonLabel:
    """The label in a JSON file; raises ``DataError`` with the file and the entry."""
    text = read_text(path, _LARGEST_FILE_BYTES)
    try:
        return parse_label(read_json(text, longest=_LARGEST_FILE_BYTES), spec)
    except LabelError as error:
        raise DataError(f"{path}: the label{error}") from error
    except JsonError as error:
        raise DataError(
            f"{path}: is not JSON ({error}), give the list that may also stand in the manifest"
        ) from error


@dataclass(frozen=True)
class Boxes:
    """Boxes of objects and of regions to ignore, in pixels."""

    boxes: tuple[Box, ...]

    def array(self, height: int, width: int) -> NDArray[np.float32]:
        """``(N, 5)``: class, x1, y1, x2, y2 as shares of the frame, clipped to it."""
        for index, box in enumerate(self.boxes):
            if box.left >= width or box.top >= height or box.right <= 0 or box.bottom <= 0:
                raise LabelError(
                    f"[{index}] lies outside of the image of {width}x{height} pixels; coordinates "
                    "are pixels of this image"
                )
        return box_label(self.boxes, height, width)


@dataclass(frozen=True)
class Columns:
    """Base and top of the nearest obstacle of every image column, in pixel rows, ``(2, W)``."""

    rows: NDArray[np.float32]

    def array(self, height: int, width: int) -> NDArray[np.float32]:
        """``(2, W)``: shares of the height; 2 in free columns, -1 in those without a label."""
        if self.rows.shape[1] != width:
            raise LabelError(
                f" has {self.rows.shape[1]} columns, give one entry for each of the image's {width}"
            )
        obstacle = (self.rows[0] != UNLABELLED_COLUMN) & np.isfinite(self.rows[0])
        beyond = np.flatnonzero(obstacle & (self.rows[0] > height))
        if beyond.size:
            raise LabelError(
                f"[{beyond[0]}][0] is {self.rows[0, beyond[0]]:g}, below the image of {height} "
                "rows; rows are counted from the image's top edge"
            )
        shares = np.where(obstacle, self.rows / height, self.rows)
        return np.where(np.isinf(shares), FREE_COLUMN, shares).astype(np.float32)


@dataclass(frozen=True)
class Pose:
    """Motion of the camera since the previous frame: three metres, three radians."""

    values: tuple[float, ...]
    chained: bool = False

    def array(self, height: int, width: int) -> NDArray[np.float32]:
        """``(7,)``: translation, rotation vector, and 1 where the frame before leads up to it."""
        return np.array((*self.values, float(self.chained)), np.float32)


@dataclass(frozen=True)
class ClassName:
    """One class for the whole frame."""

    index: int

    def array(self, height: int, width: int) -> NDArray[np.uint8]:
        """The index of the class, 0-dimensional."""
        return np.array(self.index, np.uint8)


@dataclass(frozen=True)
class Calibration:
    """Vanishing point, focal lengths and principal point in pixels, each x and y."""

    vanishing_point: tuple[float, float]
    focal: tuple[float, float]
    principal_point: tuple[float, float] | None

    def array(self, height: int, width: int) -> NDArray[np.float32]:
        """``(6,)``: the three pairs, x as shares of the frame's width, y of its height."""
        centre = self.principal_point or (width / 2, height / 2)
        pairs = np.array((self.vanishing_point, self.focal, centre), np.float64)
        return (pairs / (width, height)).astype(np.float32).ravel()


def _parse_boxes(value: object, spec: TaskSpec) -> Boxes:
    if not isinstance(value, list):
        raise LabelError(f" is {shown(value)}, give a list of boxes, [] for none")
    if len(value) > _MOST_BOXES:
        raise LabelError(f" has {len(value)} boxes, at most {_MOST_BOXES} are read")
    return Boxes(tuple(_parse_box(index, entry, spec) for index, entry in enumerate(value)))


def _parse_box(index: int, entry: object, spec: TaskSpec) -> Box:
    if not isinstance(entry, list) or len(entry) != 5:
        raise LabelError(
            f"[{index}] is {shown(entry)}, give [class, x1, y1, x2, y2] in pixels of the image"
        )
    left, top, right, bottom = (
        _number(side, f"[{index}][{place}]") for place, side in enumerate(entry[1:], start=1)
    )
    if left >= right or top >= bottom:
        raise LabelError(
            f"[{index}] is {shown(entry)}, an empty box; x1 must be below x2 and y1 below y2"
        )
    return Box(_box_class(entry[0], index, spec), left, top, right, bottom)


def _box_class(name: object, index: int, spec: TaskSpec) -> int:
    if name is None or name == IGNORED_BOX:
        return IGNORE
    if name not in spec.classes:
        known = (*spec.classes, IGNORED_BOX)
        raise LabelError(f"[{index}][0] is {shown(name)}, {choices(name, known)}")
    return spec.classes.index(str(name))


def _parse_columns(value: object, _spec: TaskSpec) -> Columns:
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_COLUMNS:
        raise LabelError(
            f" is {shown(value)}, give a list with one entry a column of the image: "
            f'[base, top] in pixel rows, "{_FREE}" or null'
        )
    columns = [_parse_column(index, entry) for index, entry in enumerate(value)]
    return Columns(np.array(columns, np.float32).T)


def _parse_column(index: int, entry: object) -> tuple[float, float]:
    """Free columns are infinite here, where rows of the image are still pixels."""
    if entry is None:
        return UNLABELLED_COLUMN, UNLABELLED_COLUMN
    if entry == _FREE:
        return math.inf, math.inf
    if not isinstance(entry, list) or len(entry) != 2:
        raise LabelError(
            f'[{index}] is {shown(entry)}, give [base, top] in pixel rows, "{_FREE}" or null'
        )
    base, top = (_number(row, f"[{index}][{place}]") for place, row in enumerate(entry))
    if not 0 <= top <= base:
        raise LabelError(
            f"[{index}] is {shown(entry)}, the top must be a row from 0 to the base (rows are "
            "counted downwards)"
        )
    return base, top


def _parse_pose(value: object, _spec: TaskSpec) -> Pose:
    if not isinstance(value, list) or len(value) not in (6, 12):
        raise LabelError(
            f" is {shown(value)}, give 6 numbers (translation in metres, rotation vector in "
            "radians) or the 12 of a 3x4 pose, row by row"
        )
    numbers = [_number(entry, f"[{place}]") for place, entry in enumerate(value)]
    values = tuple(numbers) if len(numbers) == 6 else _pose_of_matrix(numbers)
    if max(map(abs, values[:3])) > _LARGEST_STEP_METRES:
        raise LabelError(
            f" moves by {max(map(abs, values[:3])):g} m since the previous frame, at most "
            f"{_LARGEST_STEP_METRES:g} are read; give the motion between two frames in metres"
        )
    angle = math.hypot(*values[3:])
    if angle > math.pi * 1.0001:
        raise LabelError(
            f" turns by {angle:g} radians, at most half a turn (3.1416) is read; "
            "give the rotation vector in radians"
        )
    return Pose(values)


def _pose_of_matrix(numbers: list[float]) -> tuple[float, ...]:
    pose = np.array(numbers).reshape(3, 4)
    if not is_rotation(pose[:, :3]):
        raise LabelError(
            " has no rotation in its first three columns (they must be orthonormal, "
            "determinant 1); give a 3x4 pose row by row"
        )
    return pose_vector(pose)


def _parse_class(value: object, spec: TaskSpec) -> ClassName:
    if value not in spec.classes:
        raise LabelError(f" is {shown(value)}, {choices(value, spec.classes)}")
    return ClassName(spec.classes.index(str(value)))


def _parse_calibration(value: object, _spec: TaskSpec) -> Calibration:
    known = ("vanishing_point", "focal", "principal_point")
    if not isinstance(value, dict):
        raise LabelError(f' is {shown(value)}, give {{"vanishing_point": [x, y], "focal": [x, y]}}')
    for key in value:
        if key not in known:
            raise LabelError(f" field {one_line(key)!r} is unknown, {choices(key, known)}")
    focal = _pair(value, "focal")
    if min(focal) <= 0:
        raise LabelError(f".focal is {shown(value['focal'])}, give two numbers above 0")
    centre = _pair(value, "principal_point") if "principal_point" in value else None
    return Calibration(_pair(value, "vanishing_point"), focal, centre)


def _pair(values: Mapping[str, object], key: str) -> tuple[float, float]:
    pair = values.get(key)
    if not isinstance(pair, list) or len(pair) != 2:
        raise LabelError(f".{key} is {shown(pair)}, give two numbers [x, y] in pixels")
    first, second = (_number(entry, f".{key}[{place}]") for place, entry in enumerate(pair))
    return first, second


def _number(value: object, entry: str) -> float:
    number = number_of(value)
    if number is None:
        raise LabelError(f"{entry} is {shown(value)}, give a number")
    return number


_PARSERS: Mapping[str, Callable[[object, TaskSpec], JsonLabel]] = {
    "stixels": _parse_columns,
    "detection": _parse_boxes,
    "odometry": _parse_pose,
    "classification": _parse_class,
    "calibration": _parse_calibration,
}
