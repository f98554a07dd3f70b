"""One raw drive, synchronized and rectified: its files, and the labels that they give a frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.kitti.boxes import box_label
from nas.data.kitti.calibration import CALIBRATION_FILES, RawCalibration
from nas.data.kitti.frame_files import IMAGE_SUFFIXES, sensor_files
from nas.data.kitti.lidar import depth_image, read_scan
from nas.data.kitti.moving_pixels import motion_label
from nas.data.kitti.oxts import car_poses, read_packet
from nas.data.kitti.rigid import Floats, apply, inverse, odometry_label
from nas.data.kitti.tracklets import Tracklet, read_tracklets
from nas.data.source import DataError

_TRACKLETS = "tracklet_labels.xml"


@dataclass(frozen=True)
class Drive:
    """A drive's files by frame number; empty, or None, where the drive lacks them."""

    folder: Path
    calibration: RawCalibration
    images: dict[int, Path]
    scans: dict[int, Path]
    packets: dict[int, Path]
    tracklets: tuple[Tracklet, ...] | None

    @property
    def labels(self) -> frozenset[str]:
        """The tasks that frames of this drive may have labels of."""
        odometry = any(self.has_odometry(number) for number in self.images)
        there = {
            "depth": bool(self.scans),
            "motion": self.tracklets is not None and bool(self.packets),
            "detection": self.tracklets is not None,
            "odometry": odometry,
        }
        return frozenset(name for name, has in there.items() if has)

    def has_odometry(self, number: int) -> bool:
        """Whether a frame and the one before it are there, with the poses of both."""
        return all(frame in self.images and frame in self.packets for frame in (number - 1, number))

    def frame_labels(
        self, number: int, size: tuple[int, int], *, chained: bool
    ) -> dict[str, NDArray[np.generic]]:
        """The labels of one frame of ``size`` (height, width) by task, as ``Frame`` wants them.

        Raises ``DataError`` where the image has been resized, for labels would lie beside what
        they label.
        """
        self._check_size(number, size)
        labels: dict[str, NDArray[np.generic]] = {}
        points = read_scan(self.scans[number]) if number in self.scans else np.zeros((0, 3))
        if number in self.scans:
            seen = apply(self.calibration.camera_from_velodyne, points)
            labels["depth"] = depth_image(seen, self.calibration.camera, size)
        if self.tracklets is not None:
            labels["detection"] = box_label(self.tracklets, number, self.calibration, size)
            if number in self.packets:
                labels["motion"] = motion_label(
                    self.tracklets,
                    number,
                    self._world_from_velodyne,
                    points,
                    self.calibration,
                    size,
                )
        if self.has_odometry(number):
            labels["odometry"] = odometry_label(self._step(number), chained=chained)
        return labels

    def files(self) -> Iterator[Path]:
        """Everything that frames are made from, for a fingerprint."""
        yield from (self.folder.parent / name for name in CALIBRATION_FILES)
        for by_number in (self.images, self.scans, self.packets):
            yield from by_number.values()
        if self.tracklets is not None:
            yield self.folder / _TRACKLETS

    def _check_size(self, number: int, size: tuple[int, int]) -> None:
        wanted = self.calibration.image_size
        if wanted is not None and wanted != size:
            raise DataError(
                f"{self.images[number]}: {size[1]}x{size[0]} pixels, but the calibration is for "
                f"{wanted[1]}x{wanted[0]}; give the images as they were handed out"
            )

    def _step(self, number: int) -> Floats:
        """The camera's pose in the axes of the camera one frame before, ``(4, 4)``."""
        before, now = (
            self._world_from_imu[frame] @ inverse(self.calibration.camera_from_imu)
            for frame in (number - 1, number)
        )
        return np.asarray(inverse(before) @ now)

    @cached_property
    def _world_from_imu(self) -> dict[int, Floats]:
        return car_poses({number: read_packet(path) for number, path in self.packets.items()})

    @cached_property
    def _world_from_velodyne(self) -> dict[int, Floats]:
        imu_from_velodyne = inverse(self.calibration.velodyne_from_imu)
        return {frame: pose @ imu_from_velodyne for frame, pose in self._world_from_imu.items()}


def open_drive(folder: Path, calibration: RawCalibration) -> Drive:
    """A drive's folder with what it holds; raises ``DataError`` where nothing can be learned."""
    images = sensor_files(folder / "image_02", IMAGE_SUFFIXES)
    if not images:
        raise DataError(
            f"{folder / 'image_02'}: the folder does not exist; unpack the "
            "[synced+rectified data] download of the drive, or remove its folder"
        )
    drive = Drive(
        folder=folder,
        calibration=calibration,
        images=images,
        scans=sensor_files(folder / "velodyne_points", (".bin",)),
        packets=sensor_files(folder / "oxts", (".txt",)),
        tracklets=_tracklets(folder),
    )
    if not drive.labels:
        raise DataError(
            f"{folder}: velodyne_points, oxts and {_TRACKLETS} are all missing, so that no frame "
            "has a label; unpack the drive's downloads completely, or remove its folder"
        )
    return drive


def _tracklets(folder: Path) -> tuple[Tracklet, ...] | None:
    file = folder / _TRACKLETS
    return read_tracklets(file) if file.exists() else None
