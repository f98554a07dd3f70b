"""KITTI's text files of numbers: ``key: numbers`` in calibrations, rows of numbers elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.data.image_files import read_lines
from nas.data.kitti.rigid import Floats
from nas.data.source import DataError
from search_spaces.spelling import one_line

#: The largest file of numbers, sequence 02's poses, has 0.6 MB.
_MOST_BYTES = 16 * 2**20
#: Files hold 7 digits, so that a rotation times its transpose misses the identity by about 1e-6.
_ORTHOGONAL_WITHIN = 1e-3


@dataclass(frozen=True, kw_only=True)
class CalibrationFile:
    """The entries of a calibration file by key; values are still text, for some are dates."""

    path: Path
    entries: Mapping[str, str]

    def matrix(self, key: str, *shape: int) -> Floats:
        """The numbers of a key in the given shape; raises ``DataError`` with file and key."""
        if key not in self.entries:
            raise DataError(
                f"{self.path}: there is no line {key}:, the file is not the calibration that it "
                "is named after or was cut short; take it from KITTI's calibration download again"
            )
        return parse_numbers(self.entries[key], f"{self.path}: {key}", *shape)

    def rotation(self, key: str) -> Floats:
        """The rotation ``(3, 3)`` of a key; raises ``DataError`` where it is none."""
        rotation = self.matrix(key, 3, 3)
        check_rotation(rotation, f"{self.path}: {key}")
        return rotation


def read_calibration_file(path: Path) -> CalibrationFile:
    """Lines ``key: value``; raises ``DataError`` with the file."""
    pairs = (line.partition(":") for line in read_number_lines(path))
    return CalibrationFile(
        path=path, entries={key.strip(): value for key, colon, value in pairs if colon}
    )


def read_number_lines(path: Path) -> list[str]:
    """The lines of a text file of bounded size that are not empty."""
    if path.is_file() and path.stat().st_size > _MOST_BYTES:
        raise DataError(
            f"{path}: {path.stat().st_size} bytes are far more than KITTI's file has, "
            f"at most {_MOST_BYTES} are read; take it from the download again"
        )
    return [line for line in read_lines(path) if line.strip()]


def parse_numbers(text: str, where: str, *shape: int) -> Floats:
    """Finite numbers, separated by spaces, in the given shape; raises ``DataError``."""
    words = text.split()
    wanted = int(np.prod(shape))
    if len(words) != wanted:
        raise DataError(
            f"{where} has {len(words)} numbers, must have {wanted}; the file is damaged, "
            "take it from the download again"
        )
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise DataError(
            f"{where}: {one_line(str(error))}; take the file from the download again"
        ) from error
    if not np.isfinite(numbers).all():
        raise DataError(
            f"{where} holds {numbers[~np.isfinite(numbers)][0]}, only finite numbers are allowed; "
            "take the file from the download again"
        )
    return numbers.reshape(shape)


def check_rotation(rotation: Floats, where: str) -> None:
    """Raise ``DataError`` unless a matrix ``(3, 3)`` is a rotation up to the file's digits."""
    error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if error > _ORTHOGONAL_WITHIN or np.linalg.det(rotation) < 0:
        raise DataError(
            f"{where} is no rotation (R times its transpose misses the identity by {error:.2g}); "
            "the file is damaged, take it from the download again"
        )
