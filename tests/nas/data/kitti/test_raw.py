from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data.kitti import open_kitti
from nas.data.kitti.raw import KittiRawSource
from nas.data.source import SPLITS, DataSource, Frame
from nas.resolution import Resolution

ANY = Resolution(64, 32)
SIZE = (48, 120)


def first(folder: Path, index: int = 0) -> Frame:
    return open_kitti(folder).frame("train", index, ANY)


def names(source: DataSource) -> list[str]:
    return [task.name for task in source.tasks]


def test_root_date_and_drive_are_the_same_data(raw: Any) -> None:
    drive = raw.full_drive(1, 3)
    opened = [open_kitti(folder) for folder in (raw.root, raw.date, drive)]
    assert len({source.fingerprint() for source in opened}) == 1
    for source in opened:
        assert isinstance(source, KittiRawSource)
        assert names(source) == ["depth", "motion", "detection", "odometry"]
        assert [source.length(split) for split in SPLITS] == [3, 0, 0]


def test_a_drive_is_found_from_inside_of_it(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(raw.full_drive(1, 3))
    assert open_kitti(Path(".")).length("train") == 3


def test_a_link_to_a_drive_is_followed_to_its_calibration(raw: Any, tmp_path: Path) -> None:
    link = tmp_path / "my_drive"
    link.symlink_to(raw.full_drive(1, 3))
    assert open_kitti(link).length("train") == 3


def test_drives_of_several_dates_have_their_own_calibration(raw: Any, geometry: Any) -> None:
    points = geometry.points([(60, 20, 10.0)])
    raw.drive(1, frames=1, scans=[points])
    raw.date.rename(raw.root / "2011_09_28")
    (raw.root / "2011_09_28/2011_09_26_drive_0001_sync").rename(
        raw.root / "2011_09_28/2011_09_28_drive_0001_sync"
    )
    calibration = raw.root / "2011_09_28/calib_cam_to_cam.txt"
    text = calibration.read_text().replace("P_rect_02: 1.000", "P_rect_02: 2.000")
    calibration.write_text(text)  # twice the focal length, the offset in pixels stays
    raw.drive(1, frames=1, scans=[points])
    depths = [first(raw.root, index).labels["depth"] for index in range(2)]
    assert [np.argwhere(depth).tolist() for depth in depths] == [[[20, 60]], [[20, 59]]]


def test_previous_frame_is_the_one_before_in_the_drive(raw: Any) -> None:
    drive = raw.full_drive(1, 3)
    source = open_kitti(drive)
    assert source.has_previous
    frame = source.frame("train", 2, ANY)
    for image, number in ((frame.image, 2), (frame.previous, 1)):
        wanted = np.asarray(Image.open(drive / f"image_02/data/{number:010}.png"))
        np.testing.assert_array_equal(image, wanted)
    assert source.frame("train", 0, ANY).previous is None


def test_a_missing_frame_is_nobodys_previous_one(raw: Any) -> None:
    drive = raw.full_drive(1, 4)
    (drive / "image_02/data/0000000001.png").unlink()
    frame = first(drive, 1)
    assert frame.previous is None
    assert "odometry" not in frame.labels


def test_depth_is_along_the_optical_axis_in_the_nearest_pixel(raw: Any, geometry: Any) -> None:
    points = geometry.points([(10, 5, 20.0), (100.4, 40.4, 7.5), (0, 0, 3.0), (119, 47, 50.0)])
    drive = raw.drive(1, frames=1, scans=[points])
    wanted = np.zeros(SIZE, np.float32)
    wanted[5, 10], wanted[40, 100], wanted[0, 0], wanted[47, 119] = 20.0, 7.5, 3.0, 50.0
    depth = first(drive).labels["depth"]
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, wanted, rtol=1e-6)


def test_the_nearest_point_wins_a_pixel(raw: Any, geometry: Any) -> None:
    far_last = geometry.points([(30, 30, 9.0), (30.2, 29.8, 40.0), (30.1, 30.1, 8.0)])
    depth = first(raw.drive(1, frames=1, scans=[far_last])).labels["depth"]
    assert depth[30, 30] == pytest.approx(8.0)
    assert np.count_nonzero(depth) == 1


def test_points_beside_and_behind_the_camera_are_left_out(raw: Any, geometry: Any) -> None:
    points = geometry.points([(-1, 5, 9.0), (120, 5, 9.0), (5, -1, 9.0), (5, 48, 9.0)])
    behind = geometry.points([(60, 20, -9.0), (60, 20, 0.1)])
    depth = first(raw.drive(1, frames=1, scans=[np.concatenate([points, behind])])).labels["depth"]
    assert not depth.any()


def test_straight_on_is_forward_in_the_camera(raw: Any) -> None:
    drive = raw.drive(1, frames=3, poses=[(0.5 * i, 0, 0, 0, 0, 0) for i in range(3)])
    assert "odometry" not in first(drive, 0).labels
    for index, chained in ((1, 0.0), (2, 1.0)):
        label = first(drive, index).labels["odometry"]
        assert label.dtype == np.float32
        np.testing.assert_allclose(label, [0, 0, 0.5, 0, 0, 0, chained], atol=1e-7)


def test_world_axes_turn_with_the_heading(raw: Any) -> None:
    north = np.pi / 2
    poses = [(0, 0, 0, 0, 0, north), (0.1, 2.0, 0.3, 0, 0, north)]
    label = first(raw.drive(1, frames=2, poses=poses), 1).labels["odometry"]
    # Heading north, east is to the right; up is against the camera's y.
    np.testing.assert_allclose(label[:6], [0.1, -0.3, 2.0, 0, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("attitude", "rotation"),
    [
        ((0, 0, 0.02), (0, -0.02, 0)),  # yaw is to the left, the camera's y points down
        ((0, 0.02, 0), (-0.02, 0, 0)),  # pitch is front down, the camera's x to the right
        ((0.02, 0, 0), (0, 0, 0.02)),  # roll is left side up, clockwise for who looks along z
    ],
)
def test_signs_of_rotations(
    raw: Any, attitude: tuple[float, ...], rotation: tuple[float, ...]
) -> None:
    drive = raw.drive(1, frames=2, poses=[(0,) * 6, (0, 0, 0, *attitude)])
    label = first(drive, 1).labels["odometry"]
    np.testing.assert_allclose(label[3:6], rotation, atol=1e-7)


def test_a_turn_about_the_unit_moves_the_camera_in_front_of_it(raw: Any, geometry: Any) -> None:
    label = first(raw.drive(1, frames=2, poses=[(0,) * 6, (0, 0, 0, 0, 0, 0.1)]), 1).labels[
        "odometry"
    ]
    # The unit is 0.8 m behind the scanner and 0.3 m to its left, camera 0 is 0.27 m in front of
    # the scanner, the colour camera 0.06 m to the left of camera 0.
    ahead, left = 0.8 + 0.27, -0.3 + 0.06
    cosine, sine = np.cos(0.1), np.sin(0.1)
    moved_ahead = ahead * cosine - left * sine - ahead
    moved_left = ahead * sine + left * cosine - left
    np.testing.assert_allclose(label[:3], [-moved_left, 0, moved_ahead], atol=1e-7)


def test_gps_gap_breaks_the_chain(raw: Any) -> None:
    drive = raw.full_drive(1, 6)
    (drive / "oxts/data/0000000002.txt").unlink()
    labels = [first(drive, index).labels for index in range(6)]
    chained = {
        index: label["odometry"][6] for index, label in enumerate(labels) if "odometry" in label
    }
    assert chained == {1: 0.0, 4: 0.0, 5: 1.0}
    assert "motion" not in labels[2]


@pytest.mark.parametrize(
    ("removed", "left"),
    [
        ("velodyne_points", ["motion", "detection", "odometry"]),
        ("oxts", ["depth", "detection"]),
        ("tracklet_labels.xml", ["depth", "odometry"]),
    ],
)
def test_what_a_drive_lacks_it_has_no_labels_of(raw: Any, removed: str, left: list[str]) -> None:
    drive = raw.full_drive(1, 2)
    (drive / removed).rename(raw.root / "elsewhere")
    source = open_kitti(drive)
    assert names(source) == left
    assert sorted(source.frame("train", 1, ANY).labels) == sorted(left)


def test_a_frame_without_scan_has_no_depth(raw: Any) -> None:
    drive = raw.full_drive(1, 3)
    (drive / "velodyne_points/data/0000000001.bin").unlink()
    assert ["depth" in first(drive, index).labels for index in range(3)] == [True, False, True]


def test_one_drive_is_split_by_time(raw: Any) -> None:
    drive = raw.full_drive(1, 60)
    source = open_kitti(drive)
    assert [source.length(split) for split in SPLITS] == [26, 6, 6]
    files = sorted(drive.glob("image_02/data/*"))
    where = {np.asarray(Image.open(file)).tobytes(): n for n, file in enumerate(files)}
    numbers = {
        split: [
            where[source.frame(split, index, ANY).image.tobytes()]
            for index in range(source.length(split))
        ]
        for split in SPLITS
    }
    assert numbers == {
        "train": list(range(26)),
        "val": list(range(37, 43)),
        "test": list(range(54, 60)),
    }
    for split in ("val", "test"):
        beginning = source.frame(split, 0, ANY)
        assert beginning.previous is not None
        assert beginning.labels["odometry"][6] == 0.0
        assert source.frame(split, 1, ANY).labels["odometry"][6] == 1.0


def test_several_drives_stay_whole(raw: Any) -> None:
    for number, frames in ((1, 4), (2, 12), (5, 3)):
        raw.full_drive(number, frames)
    source = open_kitti(raw.root)
    assert [source.length(split) for split in SPLITS] == [12, 4, 3]
    assert all(source.frame(split, 0, ANY).previous is None for split in SPLITS)


def test_drives_of_which_one_alone_has_tracklets_are_split_by_time(raw: Any) -> None:
    for number in (1, 2, 3):
        drive = raw.full_drive(number, 42)
        if number > 1:
            (drive / "tracklet_labels.xml").unlink()
    source = open_kitti(raw.root)
    assert [source.length(split) for split in SPLITS] == [30, 15, 15]


def test_fingerprint_follows_every_kind_of_file(raw: Any) -> None:
    drive = raw.full_drive(1, 2)
    seen = {open_kitti(drive).fingerprint()}
    for file in (
        "image_02/data/0000000001.png",
        "velodyne_points/data/0000000001.bin",
        "oxts/data/0000000001.txt",
        "tracklet_labels.xml",
        "../calib_imu_to_velo.txt",
    ):
        data = (drive / file).read_bytes()
        (drive / file).write_bytes(data + b"\n")
        try:
            seen.add(open_kitti(drive).fingerprint())
        finally:
            (drive / file).write_bytes(data)
    assert len(seen) == 6


@pytest.mark.real_data
def test_recorded_drive_depth_fits_the_road(recorded_raw: Path) -> None:
    source = open_kitti(recorded_raw)
    assert names(source) == ["depth", "odometry"]
    assert source.length("train") == 4
    for index in range(4):
        depth = source.frame("train", index, ANY).labels["depth"]
        assert depth.shape == (375, 1242)
        assert 0.03 < np.count_nonzero(depth) / depth.size < 0.06
        row, column = np.nonzero((depth > 5) & (depth < 20))
        metres = depth[row, column]
        right, down = (column - 609.6) / 721.5 * metres, (row - 172.9) / 721.5 * metres
        ahead = np.abs(right) < 2
        slope, height = np.polyfit(metres[ahead], down[ahead], 1)
        # The camera is 1.65 m over the road (https://www.cvlibs.net/datasets/kitti/setup.php), and
        # the car pitches by less than a degree.
        assert height == pytest.approx(1.65, abs=0.05)
        assert abs(slope) < np.radians(1)
        assert np.std(down[ahead] - height - slope * metres[ahead]) < 0.06


@pytest.mark.real_data
def test_recorded_drive_odometry_fits_its_speed(recorded_raw: Path) -> None:
    source = open_kitti(recorded_raw)
    packets = sorted(recorded_raw.glob("*/*/oxts/data/*.txt"))
    for index in range(1, 4):
        label = source.frame("train", index, ANY).labels["odometry"]
        metres_per_s, turn = (float(packets[index].read_text().split()[i]) for i in (8, 22))
        assert label[2] == pytest.approx(metres_per_s * 0.103, rel=0.1)
        assert label[4] == pytest.approx(-turn * 0.103, abs=2e-3)
        assert np.abs(label[[0, 1]]).max() < 0.05
        assert label[6] == (index > 1)


@pytest.mark.real_data
def test_recorded_scans_meet_where_odometry_moves_them(recorded_raw: Path) -> None:
    """The scan of one frame, moved by the label, hits the depths of the frame before it."""
    source = open_kitti(recorded_raw)
    for index in range(1, 4):
        before = source.frame("train", index - 1, ANY).labels["depth"]
        labels = source.frame("train", index, ANY).labels
        still, moved = (
            median_miss(before, labels["depth"], pose)
            for pose in (np.zeros(6), labels["odometry"][:6])
        )
        assert moved < 0.015
        assert moved < 0.4 * still


def median_miss(before: Any, depth: Any, pose: Any) -> float:
    """Median relative difference of depths in the pixels that both frames measure."""
    row, column = np.nonzero((depth > 5) & (depth < 40))
    metres = depth[row, column]
    rays = np.stack([(column - 609.6) / 721.5, (row - 172.9) / 721.5, np.ones(len(row))], 1)
    points = rays * metres[:, None]
    points = points + np.cross(pose[3:], points) + pose[:3]  # a small rotation
    seen = np.rint(points[:, :2] / points[:, 2:] * 721.5 + [609.6, 172.9]).astype(int)
    inside = ((seen >= 0) & (seen < [1242, 375])).all(1)
    there = before[seen[inside, 1], seen[inside, 0]]
    miss = np.abs(points[inside, 2] / np.maximum(there, 1e-3) - 1)
    return float(np.median(miss[there > 0]))
