"""Cityscapes: street scenes of 27 labelled cities (Cordts et al., CVPR 2016).

Layout and formats are those of https://github.com/mcordts/cityscapesScripts (README.md,
``helpers/labels.py``, ``docs/csCalibration.pdf``): ``TYPE/SPLIT/CITY/CITY_SEQ_FRAME_TYPE.EXT``.

| task | read from |
|---|---|
| segmentation | ``gtFine/…_gtFine_labelIds.png``: label ids, of which 19 are trained |
| detection | ``gtFine/…_gtFine_instanceIds.png``: id · 1000 + number; groups are ignored |
| depth | ``disparity/…_disparity.png``, 16 bit: d = (p - 1) / 256, and ``camera/…_camera.json`` |
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.boxes import Box, box_label, boxes_of_objects, boxes_of_regions
from nas.data.cityscapes_classes import (
    CITYSCAPES_CLASSES,
    CITYSCAPES_OBJECTS,
    OBJECT_IDS,
    TRAINED_IDS,
    training_ids,
)
from nas.data.image_files import (
    check_size,
    read_label,
    read_previous,
    read_rgb,
    read_text,
    stamp_files,
)
from nas.data.source import IGNORE, DataError, Frame, Split
from nas.resolution import Resolution
from search_spaces.default_tasks import DEPTH
from search_spaces.json_document import read_json
from search_spaces.task_spec import TaskSpec

_SEGMENTATION = TaskSpec(
    name="segmentation",
    kind="segmentation",
    channels=len(CITYSCAPES_CLASSES),
    classes=CITYSCAPES_CLASSES,
)
_DETECTION = TaskSpec(
    name="detection",
    kind="detection",
    channels=len(CITYSCAPES_OBJECTS) + 4,
    classes=CITYSCAPES_OBJECTS,
    output_stride=4,
)
#: Every sixth training city, the last ones by name, is tested on: 3 of 18.
_TEST_SHARE = 6
#: Instance ids are the label id times this plus a number; those below are label ids of groups.
_INSTANCES = 1000
_NAME = re.compile(r"(?P<sequence>.+_\d+)_(?P<frame>\d{6})_leftImg8bit\.png")


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """The files of one labelled frame; None for what the folder does not hold."""

    image: Path
    previous: Path | None
    label_ids: Path | None
    instance_ids: Path | None
    disparity: Path | None
    camera: Path | None

    def files(self) -> Iterator[Path]:
        """All that there are."""
        for file in vars(self).values():
            if file is not None:
                yield file


class CityscapesSource:
    """The frames of ``leftImg8bit``, with the tasks for which there are folders.

    The folder holds ``leftImg8bit`` and at least one of ``gtFine`` and ``disparity`` (with
    ``camera``). Where it also holds ``leftImg8bit_sequence``, frames have the one before them (17
    a second).

    Customary splits, but for ``test``, whose labels are not public: ``val`` is ``val``; the last
    sixth of the training cities by name (of all 18: ulm, weimar and zurich) is ``test``, and the
    others are ``train``. ``leftImg8bit/test`` is not read.

    Raises ``DataError`` with the path and what to do where something is missing.
    """

    name = "cityscapes"

    def __init__(self, folder: Path) -> None:
        _check_folder(folder)
        cities = _cities(folder, "train")
        tested = math.ceil(len(cities) / _TEST_SHARE) if len(cities) > 1 else 0
        entries: dict[Split, list[_Entry]] = {
            "train": _entries(folder, cities[: len(cities) - tested]),
            "val": _entries(folder, _cities(folder, "val")),
            "test": _entries(folder, cities[len(cities) - tested :]),
        }
        self._entries = entries
        everything = [entry for split in entries.values() for entry in split]
        self.tasks = _tasks(folder, everything)
        self.has_previous = any(entry.previous for entry in everything)

    def length(self, split: Split) -> int:
        """Number of frames in a split."""
        return len(self._entries[split])

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """One frame in the files' own size; raises ``DataError`` with the file."""
        entry = self._entries[split][index]
        image = read_rgb(entry.image)
        previous = read_previous(entry.previous, image, entry.image)
        labels: dict[str, NDArray[np.generic]] = {}
        if entry.label_ids is not None:
            labels["segmentation"] = training_ids(
                _read(entry.label_ids, entry, image), entry.label_ids
            )
        if entry.instance_ids is not None:
            labels["detection"] = _boxes(_read(entry.instance_ids, entry, image))
        if entry.disparity is not None and entry.camera is not None:
            labels["depth"] = _metres(_read(entry.disparity, entry, image), entry.camera)
        return Frame(image=image, previous=previous, labels=labels)

    def fingerprint(self) -> str:
        """Changes with the list of frames, and with size or time of any of their files."""
        entries = [entry for split in self._entries.values() for entry in split]
        return f"cityscapes-{stamp_files(file for entry in entries for file in entry.files())}"


def _check_folder(folder: Path) -> None:
    if not (folder / "leftImg8bit").is_dir():
        what = "the folder does not exist" if not folder.is_dir() else "has no folder leftImg8bit"
        raise DataError(
            f"{folder}: {what}; give Cityscapes' folder, into which leftImg8bit_trainvaltest.zip "
            "and gtFine_trainvaltest.zip were unpacked"
        )
    if not any((folder / kind).is_dir() for kind in ("gtFine", "disparity")):
        raise DataError(
            f"{folder}: has neither gtFine nor disparity, so no labels; unpack "
            "gtFine_trainvaltest.zip there, or disparity_ and camera_trainvaltest.zip"
        )
    if (folder / "disparity").is_dir() and not (folder / "camera").is_dir():
        raise DataError(
            f"{folder}: has disparity, but no folder camera, which turns it into metres; unpack "
            "camera_trainvaltest.zip there"
        )


def _cities(folder: Path, split: str) -> list[Path]:
    """The folders of a split's cities, by name."""
    parent = folder / "leftImg8bit" / split
    found = sorted(parent.iterdir()) if parent.is_dir() else []
    cities = [city for city in found if any(city.glob("[!.]*_leftImg8bit.png"))]
    if not cities:
        raise DataError(
            f"{parent}: holds no CITY/*_leftImg8bit.png; unpack leftImg8bit_trainvaltest.zip again"
        )
    return cities


def _entries(folder: Path, cities: list[Path]) -> list[_Entry]:
    images = [image for city in cities for image in sorted(city.glob("[!.]*_leftImg8bit.png"))]
    return [_entry(folder, image) for image in images]


def _entry(folder: Path, image: Path) -> _Entry:
    match = _NAME.fullmatch(image.name)
    if match is None:
        raise DataError(f"{image}: is not named CITY_SEQUENCE_FRAME_leftImg8bit.png")
    place = Path(image.parent.parent.name, image.parent.name)
    stem = f"{match['sequence']}_{match['frame']}"
    before = f"{match['sequence']}_{int(match['frame']) - 1:06}_leftImg8bit.png"

    def file(kind: str, suffix: str) -> Path | None:
        path = folder / kind / place / f"{stem}_{suffix}"
        return path if path.is_file() else None

    previous = folder / "leftImg8bit_sequence" / place / before
    return _Entry(
        image=image,
        previous=previous if previous.is_file() else None,
        label_ids=file("gtFine", "gtFine_labelIds.png"),
        instance_ids=file("gtFine", "gtFine_instanceIds.png"),
        disparity=file("disparity", "disparity.png"),
        camera=file("camera", "camera.json"),
    )


def _tasks(folder: Path, entries: list[_Entry]) -> tuple[TaskSpec, ...]:
    """The tasks whose files are there; raises where some frames lack what others have."""
    tasks = []
    if (folder / "gtFine").is_dir():
        _check_complete(folder, entries, "label_ids", "gtFine/…_gtFine_labelIds.png")
        tasks.append(_SEGMENTATION)
    if any(entry.instance_ids for entry in entries):
        _check_complete(folder, entries, "instance_ids", "gtFine/…_gtFine_instanceIds.png")
        tasks.append(_DETECTION)
    if (folder / "disparity").is_dir():
        _check_complete(folder, entries, "disparity", "disparity/…_disparity.png")
        _check_complete(folder, entries, "camera", "camera/…_camera.json")
        tasks.append(DEPTH)
    return tuple(tasks)


def _check_complete(folder: Path, entries: list[_Entry], field: str, pattern: str) -> None:
    missing = [entry.image for entry in entries if getattr(entry, field) is None]
    if missing:
        kind = pattern.partition("/")[0]
        raise DataError(
            f"{folder}: {pattern} is missing for {len(missing)} of {len(entries)} images, the "
            f"first is {missing[0]}; unpack {kind}_trainvaltest.zip again, or remove the folder "
            f"{kind} to do without it"
        )


def _read(path: Path, entry: _Entry, image: NDArray[np.uint8]) -> NDArray[np.generic]:
    values = read_label(path)
    check_size(values.shape, image.shape, path, entry.image)
    return values


def _boxes(instances: NDArray[np.generic]) -> NDArray[np.float32]:
    """Boxes around objects; groups, caravans and trailers are regions to ignore."""
    ids = instances.astype(np.int64)
    kinds = ids // _INSTANCES
    objects = np.where((kinds >= OBJECT_IDS.start) & (kinds < OBJECT_IDS.stop), ids, 0)
    judged = {TRAINED_IDS[name]: index for index, name in enumerate(CITYSCAPES_OBJECTS)}
    boxes = [
        Box(judged.get(number // _INSTANCES, IGNORE), *sides)
        for number, sides in boxes_of_objects(objects).items()
    ]
    groups = (ids >= OBJECT_IDS.start) & (ids < OBJECT_IDS.stop)
    boxes += [Box(IGNORE, *sides) for sides in boxes_of_regions(groups)]
    return box_label(boxes, *objects.shape)


def _metres(disparity: NDArray[np.generic], camera: Path) -> NDArray[np.float32]:
    """Depth from stored disparities p: d = (p - 1) / 256 pixels where p > 0, z = baseline fx / d.

    A disparity of 0 pixels (p = 1) is infinitely far, and counts as no depth, as p = 0 does.
    """
    pixels = (disparity.astype(np.float64) - 1) / 256
    seen = pixels > 0
    metres = _focal_baseline(camera) / np.where(seen, pixels, 1)
    return np.where(seen, metres, 0).astype(np.float32)


def _focal_baseline(camera: Path) -> float:
    """Focal length in pixels times the baseline in metres."""
    text = read_text(camera)
    try:
        values = read_json(text, longest=len(text))
        product = float(values["extrinsic"]["baseline"]) * float(values["intrinsic"]["fx"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise DataError(
            f"{camera}: extrinsic.baseline or intrinsic.fx is missing or no number; unpack "
            "camera_trainvaltest.zip again"
        ) from error
    if not 0 < product < math.inf:
        raise DataError(f"{camera}: extrinsic.baseline and intrinsic.fx must be above 0")
    return product
