"""WoodScape: four fisheye cameras around a car (Yogamani et al., ICCV 2019).

Layout and formats are those of https://github.com/valeoai/WoodScape (README.md,
``scripts/configs``, ``scripts/box_2d_generator.py``, ``omnidet/data_loader``):

| task | read from |
|---|---|
| segmentation | ``semantic_annotations/gtLabels/00001_FV.png``: 0 void, 1 road, … |
| motion | ``motion_annotations/gtLabels/00001_FV.png``: above 0 moves, whatever it is |
| detection | ``box_2d_annotations/00001_FV.txt``: lines of ``name,index,x1,y1,x2,y2`` |
| soiling_tiles | ``soiling_dataset``: 0 clear, 1 transparent, 2 semi-transparent, 3 opaque |

Images are ``rgb_images/00001_FV.png``, the frames before them
``previous_images/00001_FV_prev.png``. Calibration and vehicle data are not read: cameras are
fisheyes, which have no vanishing point, and speed alone is no pose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.boxes import Box, box_label
from nas.data.image_files import (
    check_size,
    class_values,
    read_label,
    read_lines,
    read_previous,
    read_rgb,
    stamp_files,
)
from nas.data.manifest_line import LARGEST
from nas.data.source import IGNORE, SPLITS, DataError, Frame, Split
from nas.data.time_splits import split_in_time
from nas.resolution import Resolution
from search_spaces.default_tasks import DETECTION, MOTION, SEGMENTATION, SOILING_TILES
from search_spaces.spelling import one_line

#: ``scripts/configs/semantic_mapping_9_classes.json``; void is all else and is trained, as there.
WOODSCAPE_CLASSES = (
    "void",
    "road",
    "lanemarks",
    "curb",
    "person",
    "rider",
    "vehicles",
    "bicycle",
    "motorcycle",
    "traffic_sign",
)
#: ``scripts/configs/box_2d_mapping_5_classes.json``.
WOODSCAPE_OBJECTS = ("vehicles", "person", "bicycle", "traffic_light", "traffic_sign")
WOODSCAPE_SOILING = ("clear", "transparent", "semi_transparent", "opaque")
_SPECS = {
    "segmentation": replace(
        SEGMENTATION, channels=len(WOODSCAPE_CLASSES), classes=WOODSCAPE_CLASSES
    ),
    "motion": MOTION,
    "detection": replace(DETECTION, channels=len(WOODSCAPE_OBJECTS) + 4, classes=WOODSCAPE_OBJECTS),
    "soiling_tiles": replace(
        SOILING_TILES, channels=len(WOODSCAPE_SOILING), classes=WOODSCAPE_SOILING
    ),
}
#: Where labels lie; an archive unpacked into a folder of its own name doubles that.
_PLACES = {
    "segmentation": ("semantic_annotations/gtLabels", "semantic_annotations"),
    "motion": ("motion_annotations/gtLabels", "motion_annotations"),
    "detection": ("box_2d_annotations", "box_2d_annotations"),
}
_SUFFIXES = {"segmentation": ".png", "motion": ".png", "detection": ".txt"}
#: The images are numbered from recording to recording: every run of so many is split by itself,
#: so that all splits see all recordings and both cars.
_RUN = 200
_GAP = 10


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """One frame and the file of each of its labels."""

    image: Path
    previous: Path | None = None
    labels: Mapping[str, Path] = field(default_factory=dict)


class WoodScapeSource:
    """Images of all cameras with the labels for which there are folders, and soiled lenses.

    The folder holds ``rgb_images`` and any of the folders of labels, ``soiling_dataset``, or both.
    No customary split is handed out with labels, so every run of 200 images is split by number,
    with 10 left out between train, val and test. The soiling data's own ``test`` is its test, the
    end of its ``train`` is val.

    Raises ``DataError`` with the path and what to do where something is missing.
    """

    name = "woodscape"

    def __init__(self, folder: Path) -> None:
        if not (folder / "rgb_images").is_dir() and not (folder / "soiling_dataset").is_dir():
            lack = "has neither rgb_images nor soiling_dataset"
            what = lack if folder.is_dir() else "the folder does not exist"
            raise DataError(
                f"{folder}: {what}; give the folder into which WoodScape's archives were unpacked"
            )
        self._entries: dict[Split, list[_Entry]] = {split: [] for split in SPLITS}
        for entries in (_driving(folder), _soiling(folder / "soiling_dataset")):
            for split in SPLITS:
                self._entries[split] += entries[split]
        everything = [entry for split in SPLITS for entry in self._entries[split]]
        self.tasks = tuple(
            spec for name, spec in _SPECS.items() if any(name in e.labels for e in everything)
        )
        self.has_previous = any(entry.previous for entry in everything)

    def length(self, split: Split) -> int:
        """Number of frames in a split."""
        return len(self._entries[split])

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """One frame in the files' own size; raises ``DataError`` with the file."""
        entry = self._entries[split][index]
        image = read_rgb(entry.image)
        labels = {
            name: _READERS[name](path, image, entry.image) for name, path in entry.labels.items()
        }
        previous = read_previous(entry.previous, image, entry.image)
        return Frame(image=image, previous=previous, labels=labels)

    def fingerprint(self) -> str:
        """Changes with the list of frames, and with size or time of any of their files."""
        files = []
        for split in SPLITS:
            for entry in self._entries[split]:
                files += [entry.image, *([entry.previous] if entry.previous else [])]
                files += entry.labels.values()
        return f"woodscape-{stamp_files(files)}"


def _driving(folder: Path) -> dict[Split, list[_Entry]]:
    """Frames of ``rgb_images`` by split."""
    if not (folder / "rgb_images").is_dir():
        return {split: [] for split in SPLITS}
    images = sorted((folder / "rgb_images").glob("[0-9]*_*.png"))
    places = {name: _place(folder, name) for name in _PLACES}
    found = {name: place for name, place in places.items() if place is not None}
    if not images:
        raise DataError(f"{folder / 'rgb_images'}: holds no images as 00001_FV.png")
    if not found:
        raise DataError(
            f"{folder}: has rgb_images, but none of {', '.join(p for p, _ in _PLACES.values())}; "
            "unpack the annotations there"
        )
    for name, place in found.items():
        _check_complete(place, images, _SUFFIXES[name])
    return _in_runs([_entry(image, found) for image in images], folder)


def _place(folder: Path, name: str) -> Path | None:
    """The folder of a task's labels, None where there is none."""
    place, archive = _PLACES[name]
    doubled = folder / archive / place
    if doubled.is_dir():
        return doubled
    return folder / place if (folder / place).is_dir() else None


def _entry(image: Path, places: Mapping[str, Path]) -> _Entry:
    previous = image.parent.parent / "previous_images" / f"{image.stem}_prev.png"
    return _Entry(
        image=image,
        previous=previous if previous.is_file() else None,
        labels={name: place / f"{image.stem}{_SUFFIXES[name]}" for name, place in places.items()},
    )


def _soiling(folder: Path) -> dict[Split, list[_Entry]]:
    """Frames of the soiling data, in ``train`` and ``test`` or in one folder, by split."""
    if not folder.is_dir():
        return {split: [] for split in SPLITS}
    if not (folder / "train").is_dir():
        return _in_runs(_soiled(folder), folder)
    known = _soiled(folder / "train")
    parts = split_in_time(len(known), gap=_GAP)
    return {
        "train": known[: parts["train"].stop],
        "val": known[parts["val"].start :],
        "test": _soiled(folder / "test") if (folder / "test").is_dir() else [],
    }


def _soiled(folder: Path) -> list[_Entry]:
    """Frames of one folder. The README and the archive write the names of its parts differently."""
    images, labels = (
        next((folder / name for name in names if (folder / name).is_dir()), folder / names[0])
        for names in (("rgbImages", "rgb_images"), ("gtLabels", "gt_labels"))
    )
    found = sorted(images.glob("[0-9]*.png"))
    if not found:
        raise DataError(f"{images}: holds no images as 0001_FV.png; unpack soiling_dataset again")
    _check_complete(labels, found, ".png")
    return [_Entry(image=image, labels={"soiling_tiles": labels / image.name}) for image in found]


def _check_complete(labels: Path, images: list[Path], suffix: str) -> None:
    missing = [i for i in images if not (labels / f"{i.stem}{suffix}").is_file()]
    if missing:
        raise DataError(
            f"{labels}: {len(missing)} of {len(images)} images have no file here, the first is "
            f"{missing[0].stem}{suffix}; unpack these annotations again, or remove their folder to "
            "do without them"
        )


def _in_runs(entries: list[_Entry], folder: Path) -> dict[Split, list[_Entry]]:
    """Train, val and test of every run of the list."""
    splits: dict[Split, list[_Entry]] = {split: [] for split in SPLITS}
    for start in range(0, len(entries), _RUN):
        run = entries[
            start + (_GAP if start else 0) : start + _RUN
        ]  # the last run's test ends there
        for split, numbers in split_in_time(len(run), gap=_GAP).items():
            splits[split] += run[numbers.start : numbers.stop]
    if not splits["val"]:
        raise DataError(f"{folder}: {len(entries)} images are too few to split, give 3 or more")
    return splits


def _segmentation(path: Path, image: NDArray[np.uint8], beside: Path) -> NDArray[np.generic]:
    """Classes; values above them are void, as in ``omnidet/data_loader/woodscape_loader.py``."""
    values = read_label(path)
    check_size(values.shape, image.shape, path, beside)
    known = np.where(values.astype(np.int64) < len(WOODSCAPE_CLASSES), values, 0)
    return class_values(known, path, WOODSCAPE_CLASSES, IGNORE)


def _motion(path: Path, image: NDArray[np.uint8], beside: Path) -> NDArray[np.generic]:
    """What has any class of ``scripts/mappers/motion_class_mapping.json`` moves."""
    values = read_label(path)
    check_size(values.shape, image.shape, path, beside)
    return (values.astype(np.int64) > 0).astype(np.uint8)


def _soiling_tiles(path: Path, image: NDArray[np.uint8], beside: Path) -> NDArray[np.generic]:
    values = read_label(path)
    check_size(values.shape, image.shape, path, beside)
    return class_values(values, path, WOODSCAPE_SOILING, IGNORE)


def _detection(path: Path, image: NDArray[np.uint8], beside: Path) -> NDArray[np.generic]:
    """Boxes by the names of their classes; an empty file is a frame without objects."""
    lines = enumerate(read_lines(path), start=1)
    boxes = [_box(line, f"{path}:{number}") for number, line in lines if line.strip()]
    return box_label(boxes, *image.shape[:2])


def _box(line: str, where: str) -> Box:
    fields = [text.strip() for text in line.split(",")]
    try:
        first_x, first_y, second_x, second_y = map(_pixel, fields[2:6])
    except ValueError as error:
        raise DataError(f"{where}: {one_line(line, 60)!r} is not name,index,x1,y1,x2,y2") from error
    if fields[0] not in WOODSCAPE_OBJECTS:
        raise DataError(
            f"{where}: class {one_line(fields[0], 60)!r} is unknown, there are "
            f"{', '.join(WOODSCAPE_OBJECTS)}; make the boxes with "
            "scripts/configs/box_2d_mapping_5_classes.json"
        )
    # In either order, and the edges as they are written: so ``omnidet`` reads them.
    left, right = sorted((first_x, second_x))
    top, bottom = sorted((first_y, second_y))
    return Box(WOODSCAPE_OBJECTS.index(fields[0]), left, top, right, bottom)


def _pixel(text: str) -> float:
    """Raises ``ValueError`` for what is no coordinate in an image."""
    value = float(text)
    if not abs(value) <= LARGEST:
        raise ValueError(f"{text} is no coordinate")
    return value


_READERS: Mapping[str, Callable[[Path, NDArray[np.uint8], Path], NDArray[np.generic]]] = {
    "segmentation": _segmentation,
    "motion": _motion,
    "detection": _detection,
    "soiling_tiles": _soiling_tiles,
}
