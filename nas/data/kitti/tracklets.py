"""Objects that were followed by hand through a drive: 3-D boxes in ``tracklet_labels.xml``.

Source: ``cpp/tracklets.h`` and the section "Tracklet Labels" of the readme in KITTI's raw data
development kit. The file is a boost archive: a list is ``count``, ``item_version`` and one ``item``
an entry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from nas.data.kitti.rigid import Floats
from nas.data.kitti.safe_xml import read_xml
from nas.data.source import DataError
from search_spaces.spelling import one_line

#: States of a pose, of its occlusion, and of its truncation.
STATE_UNSET = 0
STATE_LABELLED = 2
OCCLUSION_UNSET = -1
OCCLUSION_FULL = 2
TRUNCATION_UNSET = -1
TRUNCATION_OUT = (2, 99)

_LONGEST_TEXT = 60
_REPAIR = "take the file from the [tracklets] download again"


@dataclass(frozen=True, kw_only=True)
class Box:
    """An object in one frame, in the scanner's axes (x forward, y left, z up), metres.

    ``place`` ``(3,)`` is the middle of its bottom, ``size`` its height, width and length, and
    ``heading`` the angle of its length to x, counter-clockwise, in radians. ``occlusion`` is 0
    visible, 1 partly, 2 fully occluded, -1 not said; ``truncation`` 0 in the image, 1 truncated, 2
    outside, 99 behind it, -1 not said.
    """

    place: Floats
    size: tuple[float, float, float]
    heading: float
    occlusion: int
    truncation: int


@dataclass(frozen=True, kw_only=True)
class Tracklet:
    """One object: KITTI's category, and its box by frame (frames without a place are absent)."""

    category: str
    boxes: dict[int, Box]


def read_tracklets(path: Path) -> tuple[Tracklet, ...]:
    """All objects of a drive, in the order of the file; raises ``DataError`` with the file."""
    root = read_xml(path, "boost_serialization")
    tracklets = root.find("tracklets")
    if tracklets is None:
        raise DataError(f"{path}: there is no element <tracklets>, {_REPAIR}")
    return tuple(
        _tracklet(item, f"{path}: tracklet {number}")
        for number, item in enumerate(_items(tracklets, f"{path}: tracklets"))
    )


def _tracklet(item: Element, where: str) -> Tracklet:
    height, width, length = (_number(item, tag, where) for tag in ("h", "w", "l"))
    if min(height, width, length) <= 0:
        raise DataError(
            f"{where}: size {height:g} x {width:g} x {length:g} m, must be positive; {_REPAIR}"
        )
    first = _integer(item, "first_frame", where)
    poses = item.find("poses")
    if poses is None:
        raise DataError(f"{where}: there is no element <poses>, {_REPAIR}")
    boxes = {
        first + number: _box(pose, (height, width, length), f"{where}, pose {number}")
        for number, pose in enumerate(_items(poses, f"{where}: poses"))
        if _integer(pose, "state", where, STATE_LABELLED) != STATE_UNSET
    }
    return Tracklet(category=_text(item, "objectType", where), boxes=boxes)


def _box(pose: Element, size: tuple[float, float, float], where: str) -> Box:
    return Box(
        place=np.array([_number(pose, tag, where) for tag in ("tx", "ty", "tz")]),
        size=size,
        heading=_number(pose, "rz", where),
        occlusion=_integer(pose, "occlusion", where, OCCLUSION_UNSET),
        truncation=_integer(pose, "truncation", where, TRUNCATION_UNSET),
    )


def _items(parent: Element, where: str) -> list[Element]:
    items = parent.findall("item")
    count = _integer(parent, "count", where)
    if count != len(items):
        raise DataError(f"{where}: {len(items)} items, but count is {count}; {_REPAIR}")
    return items


def _number(parent: Element, tag: str, where: str) -> float:
    text = _text(parent, tag, where)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where}: {tag} is {text!r}, must be a finite number; {_REPAIR}")
    return value


def _integer(parent: Element, tag: str, where: str, missing: int | None = None) -> int:
    if missing is not None and parent.find(tag) is None:
        return missing
    value = _number(parent, tag, where)
    if value != int(value):
        raise DataError(f"{where}: {tag} is {value:g}, must be a whole number; {_REPAIR}")
    return int(value)


def _text(parent: Element, tag: str, where: str) -> str:
    text = parent.findtext(tag)
    if text is None:
        raise DataError(f"{where}: there is no element <{tag}>, {_REPAIR}")
    return one_line(text, _LONGEST_TEXT)
