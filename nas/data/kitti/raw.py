"""KITTI's raw drives as a data source: depth, motion, detection and odometry.

Source: https://www.cvlibs.net/datasets/kitti/raw_data.php and the readme of the raw data
development kit; Geiger, Lenz, Stiller and Urtasun, IJRR 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.data.image_files import check_size, read_rgb, stamp_files
from nas.data.kitti.calibration import read_raw_calibration
from nas.data.kitti.drive import Drive, open_drive
from nas.data.kitti.specs import DETECTION
from nas.data.kitti.splitting import DRIVES, split_in_time, split_whole
from nas.data.source import SPLITS, Frame, Split
from nas.resolution import Resolution
from search_spaces.default_tasks import DEPTH, MOTION, ODOMETRY

#: Raise it when the same files would give other labels, for caches and studies are keyed by it.
_READER = 1
_TASKS = (DEPTH, MOTION, DETECTION, ODOMETRY)


@dataclass(frozen=True, kw_only=True)
class _Entry:
    drive: Drive
    number: int
    chained: bool


class KittiRawSource:
    """Frames of the left colour camera of raw drives, each with the one before it in its drive.

    Drives without scans have no depth, without GPS/IMU no odometry and no motion, without tracklets
    no detection and no motion. Whole drives are in one split where there are enough of them
    (``split_whole``), otherwise each is split by time with ten frames left out between two splits
    (``split_in_time``); drives of fewer than 42 frames are then all train.
    """

    name = "kitti_raw"

    def __init__(self, folders: Sequence[Path]) -> None:
        calibrations = {
            parent: read_raw_calibration(parent)
            for parent in sorted({folder.parent for folder in folders})
        }
        self._drives = [open_drive(folder, calibrations[folder.parent]) for folder in folders]
        self._entries = _split(self._drives)
        labels = frozenset().union(*(drive.labels for drive in self._drives))
        self.tasks = tuple(task for task in _TASKS if task.name in labels)
        self.has_previous = any(
            number - 1 in drive.images for drive in self._drives for number in drive.images
        )

    def length(self, split: Split) -> int:
        """Number of frames in a split, 0 where all drives together are too short for it."""
        return len(self._entries[split])

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """One frame in the files' own size; raises ``DataError`` with the file."""
        entry = self._entries[split][index]
        images = entry.drive.images
        image = read_rgb(images[entry.number])
        previous = None
        if entry.number - 1 in images:
            previous = read_rgb(images[entry.number - 1])
            check_size(previous.shape, image.shape, images[entry.number - 1], images[entry.number])
        labels = entry.drive.frame_labels(
            entry.number, (image.shape[0], image.shape[1]), chained=entry.chained
        )
        return Frame(image=image, previous=previous, labels=labels)

    def fingerprint(self) -> str:
        """Changes with size or time of any file of the drives that frames are made from."""
        return (
            f"kitti-raw-{_READER}-{stamp_files(f for drive in self._drives for f in drive.files())}"
        )


def _split(drives: Sequence[Drive]) -> dict[Split, list[_Entry]]:
    """Frames by split; the frames of a drive stay together and in order."""
    whole = split_whole(
        {position: len(drive.images) for position, drive in enumerate(drives)},
        {position: drive.labels for position, drive in enumerate(drives)},
    )
    entries: dict[Split, list[_Entry]] = {split: [] for split in SPLITS}
    for position, drive in enumerate(drives):
        parts = (
            split_in_time(list(drive.images), DRIVES)
            if whole is None
            else {s: list(drive.images) for s in SPLITS if position in whole[s]}
        )
        for split, numbers in parts.items():
            entries[split] += _chain(drive, numbers)
    return entries


def _chain(drive: Drive, numbers: Sequence[int]) -> list[_Entry]:
    befores = [None, *numbers[:-1]] if numbers else []
    return [
        _Entry(
            drive=drive,
            number=number,
            chained=before == number - 1 and drive.has_odometry(before),
        )
        for before, number in zip(befores, numbers, strict=True)
    ]
