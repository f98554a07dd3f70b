"""Small trees in exactly KITTI's layouts, with a geometry in which every label is known."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]

WIDTH, HEIGHT = 120, 48
FOCAL, COLUMN, ROW = 100.0, 60.0, 20.0
#: The colour camera is 6 cm left of camera 0, so that points are 6 cm more to its right.
OFFSET = np.array([0.06, 0.0, 0.0])
#: Camera axes (right, down, forward) by scanner axes (forward, left, up).
SWAP = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
#: Added to a point of the scanner in the axes of camera 0.
SCANNER = np.array([0.0, -0.08, -0.27])
#: Added to a point of the GPS/IMU unit in the scanner's axes.
UNIT = np.array([-0.8, 0.3, -0.8])
_EARTH_M = 6378137.0
DATE = "2011_09_26"


def velodyne_points(pixels: Sequence[tuple[float, float, float]]) -> Floats:
    """Points of the scanner that are seen at (column, row) at a depth in metres."""
    camera = np.array([[(u - COLUMN) / FOCAL * z, (v - ROW) / FOCAL * z, z] for u, v, z in pixels])
    return np.asarray((camera - OFFSET - SCANNER) @ SWAP)


def pixel_of(point: Sequence[float]) -> tuple[float, float]:
    """Column and row of a point in the scanner's axes."""
    x, y, z = SWAP @ np.asarray(point) + SCANNER + OFFSET
    return COLUMN + FOCAL * x / z, ROW + FOCAL * y / z


@dataclass
class Object:
    """A tracklet: places in the scanner's axes by frame, from ``first`` on."""

    places: Sequence[tuple[float, float, float]]
    category: str = "Car"
    size: tuple[float, float, float] = (1.5, 2.0, 4.0)
    first: int = 0
    heading: float = 0.0
    state: int = 2
    occlusion: int = 0
    truncation: int = 0


@dataclass
class RawTree:
    """Writes drives below ``root``; what a drive is not given it lacks."""

    root: Path
    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def date(self) -> Path:
        return self.root / DATE

    def drive(
        self,
        number: int,
        *,
        frames: int,
        scans: Sequence[Floats] | None = None,
        poses: Sequence[tuple[float, ...]] | None = None,
        objects: Sequence[Object] | None = None,
    ) -> Path:
        """``poses`` are east, north, up (m), roll, pitch, yaw (rad) of the GPS/IMU unit."""
        write_calibration(self.date)
        folder = self.date / f"{DATE}_drive_{number:04}_sync"
        for index in range(frames):
            image = self.generator.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
            save(image, folder / f"image_02/data/{index:010}.png")
        for index, points in enumerate(scans or ()):
            file = folder / f"velodyne_points/data/{index:010}.bin"
            file.parent.mkdir(parents=True, exist_ok=True)
            np.concatenate([points, np.zeros((len(points), 1))], 1).astype("<f4").tofile(file)
        for index, pose in enumerate(poses or ()):
            write(folder / f"oxts/data/{index:010}.txt", packet(pose))
        if objects is not None:
            write(folder / "tracklet_labels.xml", tracklet_xml(objects))
        return folder

    def full_drive(self, number: int, frames: int) -> Path:
        """A drive with everything: straight on, one metre a frame, behind a car."""
        scan = velodyne_points([(60, 40, 8.0)])
        return self.drive(
            number,
            frames=frames,
            scans=[scan] * frames,
            poses=[(float(index), 0, 0, 0, 0, 0) for index in range(frames)],
            objects=[Object([(10, 0, -1.5)] * frames)],
        )


def packet(pose: Sequence[float]) -> str:
    """A GPS/IMU packet: the inverse of a Mercator projection around 49° north."""
    east, north, up, roll, pitch, yaw = pose
    scale = math.cos(math.radians(49.0)) * _EARTH_M
    # The first packet of every drive is at (0, 0), where the scale is exact.
    start = math.asinh(math.tan(math.radians(49.0)))
    latitude = math.degrees(math.atan(math.sinh(start + north / scale)))
    longitude = 8.4 + math.degrees(east / scale)
    numbers = [latitude, longitude, 110.0 + up, roll, pitch, yaw, *[0.0] * 19, 4, 9, 4, 4, 0]
    return " ".join(map(repr, numbers)) + "\n"


def write_calibration(date: Path) -> None:
    turn = rotation_z(0.3)
    write(
        date / "calib_cam_to_cam.txt",
        "calib_time: 09-Jan-2012 13:57:47\ncorner_dist: 9.950000e-02\n"
        f"S_rect_02: {WIDTH:e} {HEIGHT:e}\n"
        f"R_rect_00: {row(turn)}\n{projections('P_rect_0')}",
    )
    write(
        date / "calib_velo_to_cam.txt",
        f"calib_time: 15-Mar-2012 11:37:16\nR: {row(turn.T @ SWAP)}\nT: {row(turn.T @ SCANNER)}\n"
        "delta_f: 0.000000e+00 0.000000e+00\ndelta_c: 0.000000e+00 0.000000e+00\n",
    )
    write(date / "calib_imu_to_velo.txt", f"R: {row(np.eye(3))}\nT: {row(UNIT)}\n")


def projections(prefix: str) -> str:
    """Camera 3 is 54 cm right of camera 2."""
    lines = []
    for camera, offset in enumerate((0.0, -0.54, OFFSET[0], OFFSET[0] - 0.54)):
        matrix = [FOCAL, 0, COLUMN, FOCAL * offset, 0, FOCAL, ROW, 0, 0, 0, 1, 0]
        lines.append(f"{prefix}{camera}: {row(np.array(matrix))}\n")
    return "".join(lines)


def rotation_z(angle: float) -> Floats:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def row(numbers: Floats) -> str:
    return " ".join(f"{number:.15e}" for number in np.ravel(numbers))


def tracklet_xml(objects: Sequence[Object]) -> str:
    items = "".join(_item(thing) for thing in objects)
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>\n'
        "<!DOCTYPE boost_serialization>\n"
        '<boost_serialization signature="serialization::archive" version="9">\n'
        '<tracklets class_id="0" tracking_level="0" version="0">\n'
        f"\t<count>{len(objects)}</count>\n\t<item_version>1</item_version>\n{items}"
        "</tracklets>\n</boost_serialization>\n"
    )


def _item(thing: Object) -> str:
    height, width, length = thing.size
    poses = "".join(
        f"<item><tx>{x}</tx><ty>{y}</ty><tz>{z}</tz><rx>0</rx><ry>0</ry><rz>{thing.heading}</rz>"
        f"<state>{thing.state}</state><occlusion>{thing.occlusion}</occlusion>"
        f"<occlusion_kf>0</occlusion_kf><truncation>{thing.truncation}</truncation></item>\n"
        for x, y, z in thing.places
    )
    return (
        '\t<item class_id="1" tracking_level="0" version="1">\n'
        f"<objectType>{thing.category}</objectType><h>{height}</h><w>{width}</w><l>{length}</l>"
        f"<first_frame>{thing.first}</first_frame>\n"
        f"<poses><count>{len(thing.places)}</count><item_version>2</item_version>\n{poses}</poses>"
        "<finished>1</finished></item>\n"
    )


@dataclass
class ScenesTree:
    """Writes scenes of the 2015 benchmark below ``root``."""

    root: Path

    @property
    def training(self) -> Path:
        return self.root / "training"

    def scene(
        self,
        number: int,
        *,
        semantic: NDArray[np.uint8] | None = None,
        disparity: NDArray[np.uint16] | None = None,
        objects: NDArray[np.uint8] | None = None,
        frames: Sequence[int] = (10, 11),
    ) -> None:
        for frame in frames:
            image = np.full((HEIGHT, WIDTH, 3), number * 20 + frame, np.uint8)
            save(image, self.training / f"image_2/{number:06}_{frame:02}.png")
        for folder, label in (
            ("semantic", semantic),
            ("disp_occ_0", disparity),
            ("obj_map", objects),
        ):
            if label is not None:
                save(label, self.training / f"{folder}/{number:06}_10.png")
        write(self.training / f"calib_cam_to_cam/{number:06}.txt", projections("P_rect_0"))


@dataclass
class SequencesTree:
    """Writes sequences of the odometry benchmark below ``root``."""

    root: Path

    def sequence(self, number: int, poses: Sequence[Floats], *, camera: str = "image_2") -> Path:
        """``poses`` are ``(3, 4)`` of the grey left camera."""
        folder = self.root / f"sequences/{number:02}"
        for index in range(len(poses)):
            image = np.full((HEIGHT, WIDTH), (index * 7 + number) % 256, np.uint8)
            save(image, folder / f"{camera}/{index:06}.png")
        write(folder / "calib.txt", projections("P") + f"Tr: {row(np.eye(3, 4))}\n")
        write(folder / "times.txt", "".join(f"{0.1 * i:e}\n" for i in range(len(poses))))
        write(self.root / f"poses/{number:02}.txt", "".join(f"{row(pose)}\n" for pose in poses))
        return folder


def forward(frames: int, metres: float = 1.0) -> list[Floats]:
    """Poses of a drive straight on."""
    return [np.c_[np.eye(3), [0, 0, metres * index]] for index in range(frames)]


def save(array: NDArray[np.generic], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@dataclass
class Geometry:
    """The functions above, for tests, which cannot import a conftest."""

    object: type[Object] = Object
    points: Callable[..., Floats] = velodyne_points
    pixel: Callable[..., tuple[float, float]] = pixel_of
    forward: Callable[..., list[Floats]] = forward
    xml: Callable[..., str] = tracklet_xml
    packet: Callable[..., str] = packet
    unit: Floats = field(default_factory=lambda: UNIT)


@pytest.fixture
def geometry() -> Geometry:
    return Geometry()


@pytest.fixture
def raw(tmp_path: Path) -> RawTree:
    return RawTree(tmp_path / "raw")


@pytest.fixture
def scenes(tmp_path: Path) -> ScenesTree:
    return ScenesTree(tmp_path / "scenes")


@pytest.fixture
def sequences(tmp_path: Path) -> SequencesTree:
    return SequencesTree(tmp_path / "dataset")


@pytest.fixture
def recorded_raw() -> Path:
    """A recorded piece of a raw drive; skips the test where it is missing."""
    default = Path(__file__).parents[4] / ".." / "shared" / "data"
    folder = Path(os.environ.get("NEURALL_TEST_DATA", default)) / "kitti_raw"
    if not folder.is_dir():
        pytest.skip(f"no recorded drive at {folder}: set NEURALL_TEST_DATA")
    return folder
