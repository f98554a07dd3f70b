"""SYNTHIA's video sequences: rendered drives with exact labels (Ros et al., CVPR 2016).

The layout and the formats are those of the README inside of every SYNTHIA-SEQS package (G. Ros,
'SYNTHIA-SEQS-04-DAWN', June 2016; https://synthia-dataset.net):

| folder | content |
|---|---|
| ``RGB/Stereo_Left/Omni_F/000000.png`` | images, five a second |
| ``GT/LABELS/Stereo_Left/Omni_F/000000.png`` | 16 bit; class in channel 1, instance in 2 |
| ``Depth/Stereo_Left/Omni_F/000000.png`` | 16 bit; centimetres in each of the channels |

The ids of the classes are from there too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.deep_png import read_deep_png
from nas.data.image_files import check_size, read_previous, read_rgb, stamp_files
from nas.data.source import IGNORE, SPLITS, DataError, Frame, Split
from nas.data.time_splits import split_in_time
from nas.resolution import Resolution
from search_spaces.default_tasks import DEPTH
from search_spaces.task_spec import TaskSpec

#: The classes and their ids in the files; 0 is void, 13 and 14 are reserved, all three ignored.
SYNTHIA_IDS = {
    "sky": 1,
    "building": 2,
    "road": 3,
    "sidewalk": 4,
    "fence": 5,
    "vegetation": 6,
    "pole": 7,
    "car": 8,
    "traffic sign": 9,
    "pedestrian": 10,
    "bicycle": 11,
    "lane marking": 12,
    "traffic light": 15,
}
SYNTHIA_CLASSES = tuple(SYNTHIA_IDS)
_LARGEST_ID = 15
_SEGMENTATION = TaskSpec(
    name="segmentation",
    kind="segmentation",
    channels=len(SYNTHIA_CLASSES),
    classes=SYNTHIA_CLASSES,
)
#: The camera that looks ahead.
_CAMERA = Path("Stereo_Left", "Omni_F")
_RGB, _LABELS, _DEPTH = Path("RGB"), Path("GT", "LABELS"), Path("Depth")
#: Two seconds, left out between splits.
_GAP = 10
#: What 16 bits cannot tell: the sky, and all beyond 655 m.
_BEYOND = 65535


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """The files of one frame; None for what its sequence does not hold."""

    image: Path
    previous: Path | None
    labels: Path | None
    depth: Path | None

    def files(self) -> list[Path]:
        """All that there are."""
        return [file for file in vars(self).values() if file is not None]


class SynthiaSource:
    """Frames of the left camera that looks ahead, in one sequence or in all of a folder.

    The folder is that of a sequence (``SYNTHIA-SEQS-04-SUMMER``, say, which holds ``RGB``), or
    holds several of them. Every sequence is split by time: train, val and test follow each other
    with two seconds left out between them. (Sequences of one number are drives through one town in
    several seasons.) Sequences have the labels for which they have folders.

    Raises ``DataError`` with the path and what to do where something is missing.
    """

    name = "synthia"

    def __init__(self, folder: Path) -> None:
        sequences = [_read_sequence(place) for place in _sequences(folder)]
        self._entries: dict[Split, list[_Entry]] = {split: [] for split in SPLITS}
        for sequence in sequences:
            for split, numbers in split_in_time(len(sequence), gap=_GAP).items():
                self._entries[split] += sequence[numbers.start : numbers.stop]
        for split in ("train", "val"):
            if not self._entries[split]:
                raise DataError(f"{folder}: too few frames to split into train and val")
        entries = [entry for sequence in sequences for entry in sequence]
        self.has_previous = any(entry.previous for entry in entries)
        segmented = any(entry.labels for entry in entries)
        measured = any(entry.depth for entry in entries)
        self.tasks = tuple(
            spec for spec, present in ((_SEGMENTATION, segmented), (DEPTH, measured)) if present
        )

    def length(self, split: Split) -> int:
        """Number of frames in a split."""
        return len(self._entries[split])

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """One frame in the files' own size; raises ``DataError`` with the file."""
        entry = self._entries[split][index]
        image = read_rgb(entry.image)
        previous = read_previous(entry.previous, image, entry.image)
        labels: dict[str, NDArray[np.generic]] = {}
        if entry.labels is not None:
            values = read_deep_png(entry.labels)[..., 0]
            check_size(values.shape, image.shape, entry.labels, entry.image)
            labels["segmentation"] = _classes(values, entry.labels)
        if entry.depth is not None:
            centimetres = read_deep_png(entry.depth)[..., 0]
            check_size(centimetres.shape, image.shape, entry.depth, entry.image)
            metres = np.where(centimetres == _BEYOND, 0, centimetres / 100)
            labels["depth"] = metres.astype(np.float32)
        return Frame(image=image, previous=previous, labels=labels)

    def fingerprint(self) -> str:
        """Changes with the list of frames, and with size or time of any of their files."""
        entries = [entry for split in self._entries.values() for entry in split]
        return f"synthia-{stamp_files(file for entry in entries for file in entry.files())}"


def _sequences(folder: Path) -> list[Path]:
    """The folders of the sequences, by name."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise DataError(
            f"{folder}: the folder {what}; give that of a sequence, as SYNTHIA-SEQS-04-SUMMER, or "
            "the one that holds several"
        )
    if (folder / _RGB).is_dir():
        return [folder]
    found = sorted(place for place in folder.iterdir() if (place / _RGB).is_dir())
    if not found:
        raise DataError(
            f"{folder}: holds neither RGB nor folders with one; give the folder of a sequence, as "
            "SYNTHIA-SEQS-04-SUMMER, or the one that holds several"
        )
    return found


def _read_sequence(folder: Path) -> list[_Entry]:
    """The frames of one sequence in order."""
    images = sorted((folder / _RGB / _CAMERA).glob("[0-9]*.png"))
    if not images:
        raise DataError(
            f"{folder / _RGB / _CAMERA}: holds no PNG images; unpack the sequence again"
        )
    kinds = [kind for kind in (_LABELS, _DEPTH) if (folder / kind).is_dir()]
    if not kinds:
        raise DataError(
            f"{folder}: has neither {_LABELS} nor {_DEPTH}, so no labels; unpack the whole sequence"
        )
    for kind in kinds:
        _check_complete(folder / kind / _CAMERA, images)
    known = {image.name for image in images}
    return [_entry(folder, image, known, kinds) for image in images]


def _check_complete(labels: Path, images: list[Path]) -> None:
    missing = [image.name for image in images if not (labels / image.name).is_file()]
    if missing:
        raise DataError(
            f"{labels}: {len(missing)} of {len(images)} images have no file here, the first is "
            f"{missing[0]}; unpack the sequence again"
        )


def _entry(folder: Path, image: Path, known: set[str], kinds: list[Path]) -> _Entry:
    before = ""
    if image.stem.isdecimal() and int(image.stem) > 0:
        before = f"{int(image.stem) - 1:0{len(image.stem)}}{image.suffix}"
    return _Entry(
        image=image,
        previous=image.with_name(before) if before in known else None,
        labels=folder / _LABELS / _CAMERA / image.name if _LABELS in kinds else None,
        depth=folder / _DEPTH / _CAMERA / image.name if _DEPTH in kinds else None,
    )


def _classes(ids: NDArray[np.uint16], path: Path) -> NDArray[np.uint8]:
    """Ids ``(H, W)`` of the files as indices of ``SYNTHIA_CLASSES``."""
    if (ids > _LARGEST_ID).any():
        raise DataError(
            f"{path}: the first channel holds the value {ids.max()}, allowed are the class ids 0 "
            f"to {_LARGEST_ID}"
        )
    table = np.full(_LARGEST_ID + 1, IGNORE, np.uint8)
    table[list(SYNTHIA_IDS.values())] = np.arange(len(SYNTHIA_IDS))
    return table[ids]
