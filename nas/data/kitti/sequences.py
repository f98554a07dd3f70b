"""KITTI's visual odometry benchmark: sequences with the pose of every frame.

Source: the readme of the odometry development kit and
https://www.cvlibs.net/datasets/kitti/eval_odometry.php; Geiger, Lenz and Urtasun, CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.data.image_files import check_size, read_rgb, stamp_files
from nas.data.kitti.calibration import Camera, read_camera
from nas.data.kitti.frame_files import IMAGE_SUFFIXES, numbered_files, subfolders
from nas.data.kitti.number_files import (
    check_rotation,
    parse_numbers,
    read_calibration_file,
    read_number_lines,
)
from nas.data.kitti.rigid import Floats, inverse, odometry_label, rigid
from nas.data.kitti.splitting import DRIVES, split_in_time
from nas.data.source import SPLITS, DataError, Frame, Split
from nas.resolution import Resolution
from search_spaces.default_tasks import ODOMETRY

_READER = 1
#: Poses of the others are not handed out.
_WITH_POSES = [f"{number:02}" for number in range(11)]
_CUSTOMARY: dict[Split, list[str]] = {
    "train": _WITH_POSES[:9],
    "val": _WITH_POSES[9:10],
    "test": _WITH_POSES[10:],
}
#: Folder of the left camera's images and its projection in ``calib.txt``: colour, grey.
_CAMERAS = (("image_2", "P2"), ("image_0", "P0"))


@dataclass(frozen=True, kw_only=True)
class _Sequence:
    """Images by number and the pose ``(4, 4)`` of the grey left camera, which the poses are of."""

    name: str
    images: dict[int, Path]
    poses: list[Floats]
    camera: Camera
    sources: list[Path]

    def step(self, number: int) -> Floats:
        """The pose of the images' own camera in its axes one frame before, ``(4, 4)``."""
        grey = inverse(self.poses[number - 1]) @ self.poses[number]
        own = self.camera.from_rectified
        return np.asarray(own @ grey @ inverse(own))


@dataclass(frozen=True, kw_only=True)
class _Entry:
    sequence: _Sequence
    number: int
    chained: bool


class KittiOdometrySource:
    """Sequences 00–10 of the folder that holds ``sequences`` and ``poses``.

    As is customary, 00–08 are train, 09 is val, 10 is test, where all three parts are there;
    otherwise each sequence is split by time. A sequence's first frame has no frame before it and no
    label, so it is left out.
    """

    name = "kitti_odometry"
    tasks = (ODOMETRY,)
    has_previous = True

    def __init__(self, folder: Path) -> None:
        self._sequences = list(_open_sequences(folder))
        if not self._sequences:
            raise DataError(
                f"{folder / 'sequences'}: no sequence of 00 to 10 has image_2 or image_0; unpack "
                "data_odometry_color.zip or data_odometry_gray.zip"
            )
        self._entries = _split(self._sequences)

    def length(self, split: Split) -> int:
        """Number of frames in a split."""
        return len(self._entries[split])

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """One frame in the files' own size; raises ``DataError`` with the file."""
        entry = self._entries[split][index]
        paths = [entry.sequence.images[entry.number - back] for back in (0, 1)]
        image, previous = (read_rgb(path) for path in paths)
        check_size(previous.shape, image.shape, paths[1], paths[0])
        label = odometry_label(entry.sequence.step(entry.number), chained=entry.chained)
        return Frame(image=image, previous=previous, labels={"odometry": label})

    def fingerprint(self) -> str:
        """Changes with size or time of any file that frames are made from."""
        files = (
            file
            for sequence in self._sequences
            for file in (*sequence.sources, *sequence.images.values())
        )
        return f"kitti-odometry-{_READER}-{stamp_files(files)}"


def _open_sequences(folder: Path) -> Iterator[_Sequence]:
    """Those of 00–10 that have images; a download of calibrations alone makes empty ones too."""
    for sequence in subfolders(folder / "sequences"):
        if sequence.name not in _WITH_POSES:
            continue
        for name, projection in _CAMERAS:
            if (sequence / name).is_dir():
                poses = folder / "poses" / f"{sequence.name}.txt"
                yield _open_sequence(sequence / name, projection, poses)
                break


def _open_sequence(folder: Path, projection: str, poses: Path) -> _Sequence:
    calibration, times = (folder.parent / name for name in ("calib.txt", "times.txt"))
    for path, download in (
        (calibration, "data_odometry_calib.zip"),
        (times, "data_odometry_calib.zip"),
        (poses, "data_odometry_poses.zip"),
    ):
        if not path.is_file():
            raise DataError(f"{path}: the file does not exist; unpack {download}")
    images = numbered_files(folder, IMAGE_SUFFIXES)
    rows = _read_poses(poses)
    if list(images) != list(range(len(rows))):
        raise DataError(
            f"{folder}: {len(images)} images, but {poses} has {len(rows)} poses; the images must "
            "be numbered from 0 to the last pose, unpack the sequence completely"
        )
    lines = read_number_lines(times)
    if len(lines) != len(rows):
        raise DataError(
            f"{times}: {len(lines)} times, but {poses} has {len(rows)} poses; unpack "
            "data_odometry_calib.zip again"
        )
    return _Sequence(
        name=folder.parent.name,
        images=images,
        poses=rows,
        camera=read_camera(read_calibration_file(calibration), projection),
        sources=[calibration, times, poses],
    )


def _read_poses(path: Path) -> list[Floats]:
    """Row-major ``(3, 4)`` matrices, a line each: from the camera's axes into those of frame 0."""
    poses = []
    for number, line in enumerate(read_number_lines(path), start=1):
        matrix = parse_numbers(line, f"{path}:{number}: the pose", 3, 4)
        check_rotation(matrix[:, :3], f"{path}:{number}: the pose")
        poses.append(rigid(matrix[:, :3], matrix[:, 3]))
    return poses


def _split(sequences: list[_Sequence]) -> dict[Split, list[_Entry]]:
    names = {sequence.name for sequence in sequences}
    customary = all(names & set(part) for part in _CUSTOMARY.values())
    entries: dict[Split, list[_Entry]] = {split: [] for split in SPLITS}
    for sequence in sequences:
        numbers = list(sequence.images)[1:]
        parts = (
            {split: numbers for split, part in _CUSTOMARY.items() if sequence.name in part}
            if customary
            else split_in_time(numbers, DRIVES)
        )
        for split, part in parts.items():
            entries[split] += [
                _Entry(sequence=sequence, number=number, chained=position > 0)
                for position, number in enumerate(part)
            ]
    return entries
