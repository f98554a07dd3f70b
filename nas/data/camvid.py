"""CamVid: road scenes in 11 classes (Brostow, Fauqueur and Cipolla, 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nas.data.image_files import (
    check_size,
    class_values,
    listed_file,
    read_label,
    read_lines,
    read_rgb,
    stamp_files,
)
from nas.data.source import DataError, Frame, Split
from nas.resolution import Resolution
from search_spaces.spelling import one_line
from search_spaces.task_spec import TaskSpec

CAMVID_CLASSES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
_VOID = 11
#: Frames left out between val and test where both come from one drive: a second at 15 Hz.
_GAP = 15


@dataclass(frozen=True, kw_only=True)
class _Pair:
    image: Path
    label: Path


class CamVidSource:
    """Frames and labels listed in ``train.txt``, ``val.txt`` and, if it is there, ``test.txt``.

    Every line of a list holds an image and a label, inside of the folder or absolute. Labels are
    images of one channel with values 0–10, and 11 for void, which is ignored. Without ``test.txt``
    the first part of ``val.txt`` is ``val`` and its last part ``test``, with up to 15 frames (a
    second) left out between them, for neighbours are almost the same picture.

    Training frames are a second apart, so that no frame has a previous one.
    """

    name = "camvid"
    has_previous = False

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise DataError(
                f"{folder}: the folder {what}; give CamVid's folder, the one with train.txt"
            )
        self._lists = [folder / f"{split}.txt" for split in ("train", "val")]
        pairs = {split: _read_list(folder, split) for split in ("train", "val")}
        if (folder / "test.txt").exists():
            self._lists.append(folder / "test.txt")
            pairs["test"] = _read_list(folder, "test")
        else:
            pairs["val"], pairs["test"] = _halves(pairs["val"])
        self._pairs = pairs
        self.tasks = (
            TaskSpec(
                name="segmentation",
                kind="segmentation",
                channels=len(CAMVID_CLASSES),
                classes=CAMVID_CLASSES,
            ),
        )

    def length(self, split: Split) -> int:
        """Number of frames in a split."""
        return len(self._pairs[split])

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """Image and label in the files' own size; raises ``DataError`` with the file."""
        pair = self._pairs[split][index]
        image = read_rgb(pair.image)
        values = read_label(pair.label)
        check_size(values.shape, image.shape, pair.label, pair.image)
        label = class_values(values, pair.label, CAMVID_CLASSES, _VOID)
        return Frame(image=image, labels={"segmentation": label})

    def fingerprint(self) -> str:
        """Changes with the lists, and with size or time of any file in them."""
        files = [
            file for pairs in self._pairs.values() for p in pairs for file in (p.image, p.label)
        ]
        return f"camvid-{stamp_files([*self._lists, *files])}"


def _read_list(folder: Path, split: str) -> list[_Pair]:
    file = folder / f"{split}.txt"
    pairs = []
    for number, line in enumerate(read_lines(file), start=1):
        if line.strip():
            pairs.append(_read_pair(folder, line, f"{file}:{number}"))
    if not pairs:
        raise DataError(f"{file}: no frame is listed, give one line 'image label' a frame")
    return pairs


def _read_pair(folder: Path, line: str, where: str) -> _Pair:
    names = line.split()
    if len(names) != 2:
        raise DataError(
            f"{where}: {len(names)} file names in {one_line(line)!r}, "
            "give an image and a label, separated by a space"
        )
    files = []
    for field, name in zip(("image", "label"), names, strict=True):
        try:
            files.append(listed_file(folder, name))
        except DataError as error:
            raise DataError(f"{where}: {field} {error}") from error
    return _Pair(image=files[0], label=files[1])


def _halves(pairs: list[_Pair]) -> tuple[list[_Pair], list[_Pair]]:
    """The first and the last part of a list, with up to a fifth of it left out between them."""
    gap = min(_GAP, len(pairs) // 5)
    first = (len(pairs) - gap + 1) // 2
    return pairs[:first], pairs[first + gap :]
