"""Where KITTI's sensors are: from LiDAR and GPS/IMU to the left colour camera and its pixels.

Source: the readme of the raw data development kit, sections "Coordinate Systems" and "Sensor
Calibration" (https://www.cvlibs.net/datasets/kitti/raw_data.php), and Geiger, Lenz, Stiller and
Urtasun, "Vision meets Robotics: The KITTI Dataset", IJRR 2013, equations 3 to 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.kitti.number_files import CalibrationFile, read_calibration_file
from nas.data.kitti.rigid import Floats, rigid
from nas.data.source import DataError

#: The files of the calibration download of a day.
CALIBRATION_FILES = ("calib_cam_to_cam.txt", "calib_velo_to_cam.txt", "calib_imu_to_velo.txt")


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A rectified camera: x right, y down, z forward along the optical axis, metres.

    ``intrinsics`` is ``(3, 3)`` in pixels, the centre of the first pixel being (0, 0).
    ``offset`` ``(3,)`` is what is added to a point in the rectified axes of camera 0, which all
    rectified cameras are parallel to, to have it in this camera's. KITTI's projection matrix is
    ``intrinsics @ [identity | offset]``.
    """

    intrinsics: Floats
    offset: Floats

    @property
    def focal(self) -> float:
        """Horizontal focal length in pixels."""
        return float(self.intrinsics[0, 0])

    @property
    def from_rectified(self) -> Floats:
        """Rigid motion ``(4, 4)`` from the rectified axes of camera 0 into this camera's."""
        return rigid(np.eye(3), self.offset)

    def project(self, points: Floats) -> Floats:
        """Pixel columns and rows ``(N, 2)`` of points ``(N, 3)`` in front of the camera."""
        pixels = points @ self.intrinsics.T
        return np.asarray(pixels[:, :2] / pixels[:, 2:])


@dataclass(frozen=True, kw_only=True)
class RawCalibration:
    """The chain of a day's raw drives, rigid motions ``(4, 4)``; LiDAR axes are x forward, y
    left, z up.

    ``image_size`` is the (height, width) that the camera's pixels are counted in, None where the
    file does not say it.
    """

    camera: Camera
    image_size: tuple[int, int] | None
    camera_from_velodyne: Floats
    velodyne_from_imu: Floats

    @property
    def camera_from_imu(self) -> Floats:
        """From the axes of the GPS/IMU unit into the camera's."""
        return np.asarray(self.camera_from_velodyne @ self.velodyne_from_imu)


def read_raw_calibration(folder: Path) -> RawCalibration:
    """The left colour camera's chain from the three files in a date's folder.

    Raises ``DataError`` where a file is missing, cut short or no calibration.
    """
    for name in CALIBRATION_FILES:
        if not (folder / name).is_file():
            raise DataError(
                f"{folder / name}: the file does not exist; unpack the [calibration] download of "
                f"{folder.name} beside its drives"
            )
    cameras, velodyne, imu = (read_calibration_file(folder / name) for name in CALIBRATION_FILES)
    camera = read_camera(cameras, "P_rect_02")
    rectify = rigid(cameras.rotation("R_rect_00"), np.zeros(3))
    return RawCalibration(
        camera=camera,
        image_size=_image_size(cameras),
        camera_from_velodyne=camera.from_rectified @ rectify @ _registration(velodyne),
        velodyne_from_imu=_registration(imu),
    )


def _image_size(cameras: CalibrationFile) -> tuple[int, int] | None:
    if "S_rect_02" not in cameras.entries:
        return None
    width, height = cameras.matrix("S_rect_02", 2)
    return round(float(height)), round(float(width))


def read_camera(file: CalibrationFile, key: str) -> Camera:
    """The camera of a projection matrix ``(3, 4)``; raises ``DataError`` where it is none."""
    projection = file.matrix(key, 3, 4)
    intrinsics = projection[:, :3]
    flat = intrinsics[[1, 2, 2], [0, 0, 1]]
    if np.diagonal(intrinsics)[:2].min() <= 0 or flat.any() or intrinsics[2, 2] != 1:
        raise DataError(
            f"{file.path}: {key} is no projection of a rectified camera (focal lengths "
            f"{intrinsics[0, 0]:g} and {intrinsics[1, 1]:g}); take the file from KITTI's "
            "calibration download again"
        )
    offset = np.asarray(np.linalg.solve(intrinsics, projection[:, 3]), np.float64)
    return Camera(intrinsics=intrinsics, offset=offset)


def share_of_frame(pixels: Floats, size: tuple[int, int]) -> Floats:
    """Pixels ``(…, 2)`` as shares of a frame of ``size`` (height, width) from its left and top
    edge, which lies half a pixel before the centre of the first pixel."""
    height, width = size
    return np.asarray((pixels + 0.5) / np.array([width, height]))


def nearest_pixel(pixels: Floats) -> NDArray[np.int64]:
    """The pixels ``(N, 2)`` whose centres are nearest."""
    return np.floor(np.clip(pixels, -1e9, 1e9) + 0.5).astype(np.int64)


def _registration(file: CalibrationFile) -> Floats:
    return rigid(file.rotation("R"), file.matrix("T", 3))
