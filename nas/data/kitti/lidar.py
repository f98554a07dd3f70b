"""Velodyne scans, and the depth that they give to a camera's pixels.

Source: the readme of KITTI's raw data development kit, section "Velodyne 3D laser scan data".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.image_files import check_file
from nas.data.kitti.calibration import Camera, nearest_pixel
from nas.data.kitti.rigid import Floats
from nas.data.source import DataError

#: x, y, z and reflectance, float32 each.
_BYTES_A_POINT = 16
#: A turn of the scanner has about 120,000 points; the readme's bound is a million numbers.
_MOST_BYTES = 64 * 2**20
#: Nearer points are on the own car.
_NEAREST_M = 0.5


def read_scan(path: Path) -> Floats:
    """The points ``(N, 3)`` of a scan in the scanner's axes (x forward, y left, z up), metres.

    Raises ``DataError`` for a file that is missing, cut short or no scan.
    """
    check_file(path)
    size = path.stat().st_size
    if size == 0 or size % _BYTES_A_POINT or size > _MOST_BYTES:
        raise DataError(
            f"{path}: {size} bytes are no scan, a scan has {_BYTES_A_POINT} a point; the file is "
            "damaged, take it from the [synced+rectified data] download again"
        )
    points = np.fromfile(path, "<f4").reshape(-1, 4)[:, :3]
    if not np.isfinite(points).all():
        raise DataError(
            f"{path}: the scan holds numbers that are not finite; the file is damaged, take it "
            "from the [synced+rectified data] download again"
        )
    return points.astype(np.float64)


def depth_image(points: Floats, camera: Camera, size: tuple[int, int]) -> NDArray[np.float32]:
    """Metres along the optical axis ``(H, W)`` of points ``(N, 3)`` in the camera's axes.

    Each point falls into the pixel whose centre is nearest; the nearest point wins a pixel; 0
    where none falls. The scanner stands above the camera, so that some points are seen past the
    edge of something nearer: they keep pixels that no nearer point falls into.
    """
    height, width = size
    points = points[points[:, 2] > _NEAREST_M]
    column, row = nearest_pixel(camera.project(points)).T
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    depth = np.full(size, np.inf, np.float32)
    np.minimum.at(depth, (row[inside], column[inside]), points[inside, 2].astype(np.float32))
    return np.where(np.isfinite(depth), depth, 0).astype(np.float32)
