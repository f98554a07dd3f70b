"""Which of KITTI's layouts a folder has."""

from __future__ import annotations

import os
import re
from pathlib import Path

from nas.data.kitti.calibration import CALIBRATION_FILES
from nas.data.kitti.frame_files import subfolders
from nas.data.kitti.raw import KittiRawSource
from nas.data.kitti.scenes_2015 import KittiScenesSource
from nas.data.kitti.sequences import KittiOdometrySource
from nas.data.source import DataError, DataSource

_DATE = re.compile(r"\d{4}_\d\d_\d\d")
_DRIVE = re.compile(r"\d{4}_\d\d_\d\d_drive_\d{4}_(sync|extract)")
_LAYOUTS = (
    "a folder with dates (2011_09_26), a date, or a drive (2011_09_26_drive_0001_sync) of the raw "
    "data; the folder with training/image_2 of the 2015 benchmark; or the folder with sequences "
    "and poses of the odometry benchmark"
)


def open_kitti(path: Path) -> DataSource:
    """The source that reads a folder; raises ``DataError`` where it is none of KITTI's layouts, or
    one that is incomplete."""
    folder = Path(os.path.abspath(path))  # a drive's calibration is in the folder around it
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise DataError(f"{path}: the folder {what}; give {_LAYOUTS}")
    for odometry in (folder, folder / "dataset"):
        if (odometry / "sequences").is_dir():
            return KittiOdometrySource(odometry)
    for training in (folder / "training", folder):
        if (training / "image_2").is_dir():
            return _open_scenes(training)
    drives = _drives(folder)
    if not drives:
        raise DataError(f"{path}: no layout of KITTI is recognised; give {_LAYOUTS}")
    return KittiRawSource(drives)


def _open_scenes(training: Path) -> DataSource:
    if not any((training / "image_2").glob("[0-9]*_10.png")):
        raise DataError(
            f"{training / 'image_2'}: there is no image NNNNNN_10.png, so this is not the 2015 "
            f"benchmark, the only one with training/image_2 that is read; give {_LAYOUTS}"
        )
    return KittiScenesSource(training)


def _drives(folder: Path) -> list[Path]:
    """The drives in a folder that is one, a date, or a root of dates, by date and number."""
    if _DRIVE.fullmatch(folder.name) or (folder / "image_02").is_dir():
        linked = not (folder.parent / CALIBRATION_FILES[0]).exists()
        return _synchronized([folder.resolve() if linked else folder])
    if _DATE.fullmatch(folder.name) or any((folder / name).exists() for name in CALIBRATION_FILES):
        return _of_dates([folder])
    return _of_dates([date for date in subfolders(folder) if _DATE.fullmatch(date.name)])


def _of_dates(dates: list[Path]) -> list[Path]:
    drives = []
    for date in dates:
        found = [drive for drive in subfolders(date) if _DRIVE.fullmatch(drive.name)]
        if not found:
            raise DataError(
                f"{date}: there is no drive; unpack the [synced+rectified data] download of a "
                f"drive, which makes a folder such as {date.name}_drive_0001_sync"
            )
        drives += _synchronized(found)
    return drives


def _synchronized(drives: list[Path]) -> list[Path]:
    """Without those that are unsynchronized; raises ``DataError`` where no other is left."""
    kept = [drive for drive in drives if not drive.name.endswith("_extract")]
    if not kept:
        raise DataError(
            f"{drives[0]}: the drive is unsynchronized and unrectified; unpack its "
            "[synced+rectified data] download, whose folder ends in _sync"
        )
    return kept
