"""KITTI's numbered files: which frames a folder has."""

from __future__ import annotations

import re
from pathlib import Path

from nas.data.source import DataError

#: PNG as handed out, JPEG as many convert them to.
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")


def numbered_files(folder: Path, suffixes: tuple[str, ...]) -> dict[int, Path]:
    """Files whose name is a number, by that number, in ascending order.

    Raises ``DataError`` where two files have one number, and where the folder cannot be read.
    """
    files: dict[int, Path] = {}
    for path in _entries(folder):
        if path.suffix.lower() not in suffixes or not re.fullmatch(r"[0-9]{1,12}", path.stem):
            continue
        number = int(path.stem)
        if number in files:
            raise DataError(f"{path}: {files[number].name} is the same frame, keep one of them")
        files[number] = path
    return dict(sorted(files.items()))


def sensor_files(folder: Path, suffixes: tuple[str, ...]) -> dict[int, Path]:
    """The files of a sensor of a raw drive, ``folder/data``; empty where it is not there at all.

    Single frames may be missing (KITTI's own drive 2011_09_26_0009 lacks four scans), but a folder
    without any is incomplete: raises ``DataError``.
    """
    if not folder.exists():
        return {}
    files = numbered_files(folder / "data", suffixes) if (folder / "data").is_dir() else {}
    if not files:
        raise DataError(
            f"{folder / 'data'}: there is no frame ({', '.join(suffixes)}); unpack the "
            "[synced+rectified data] download of the drive completely, or remove the folder"
        )
    return files


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, by name."""
    return [path for path in _entries(folder) if path.is_dir()]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read: {error.strerror}") from error
