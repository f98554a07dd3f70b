"""What is missing or broken in raw drives is named, in one line, with the repair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data.kitti import open_kitti, safe_xml
from nas.data.source import DataError
from nas.resolution import Resolution

ANY = Resolution(64, 32)


def read_all(folder: Path) -> None:
    source = open_kitti(folder)
    for index in range(source.length("train")):
        source.frame("train", index, ANY)


def fails(folder: Path, *parts: str) -> None:
    with pytest.raises(DataError) as error:
        read_all(folder)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_unknown_layouts_are_told_which_there_are(tmp_path: Path) -> None:
    layouts = ("2011_09_26_drive_0001_sync", "training/image_2", "sequences and poses")
    fails(tmp_path / "nowhere", "nowhere: the folder does not exist", *layouts)
    (tmp_path / "file").write_text("")
    fails(tmp_path / "file", "file: the folder is a file", *layouts)
    fails(tmp_path, "no layout of KITTI is recognised", *layouts)


def test_another_benchmark_with_image_2_is_refused(tmp_path: Path) -> None:
    (tmp_path / "training/image_2").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "training/image_2/000000.png")
    fails(tmp_path, "training/image_2: there is no image NNNNNN_10.png")


@pytest.mark.parametrize(
    "name", ["calib_cam_to_cam.txt", "calib_velo_to_cam.txt", "calib_imu_to_velo.txt"]
)
def test_missing_calibration(raw: Any, name: str) -> None:
    drive = raw.full_drive(1, 2)
    (raw.date / name).unlink()
    for folder in (raw.root, raw.date, drive):
        fails(folder, f"2011_09_26/{name}: the file does not exist", "[calibration] download")


@pytest.mark.parametrize(
    ("name", "old", "new", "parts"),
    [
        ("calib_cam_to_cam.txt", "P_rect_02:", "P_rect_0:", ["there is no line P_rect_02:"]),
        ("calib_cam_to_cam.txt", "P_rect_02: 1", "P_rect_02: nan 1", ["has 13 numbers, must"]),
        ("calib_cam_to_cam.txt", "P_rect_02: 1", "P_rect_02: -1", ["P_rect_02 is no projection"]),
        ("calib_cam_to_cam.txt", "P_rect_02: 1.000", "P_rect_02: nan", ["P_rect_02: could not"]),
        ("calib_cam_to_cam.txt", "R_rect_00: 9", "R_rect_00: 8", ["R_rect_00 is no rotation"]),
        ("calib_velo_to_cam.txt", "T: ", "T: inf ", ["T has 4 numbers, must have 3"]),
        ("calib_imu_to_velo.txt", "T: -8.00", "T: x8.00", ["calib_imu_to_velo.txt: T: could"]),
    ],
)
def test_broken_calibration(raw: Any, name: str, old: str, new: str, parts: list[str]) -> None:
    drive = raw.full_drive(1, 2)
    change(raw.date / name, old, new)
    fails(drive, name, "again", *parts)


def test_calibration_that_is_not_finite(raw: Any) -> None:
    drive = raw.full_drive(1, 2)
    file = raw.date / "calib_imu_to_velo.txt"
    file.write_text(file.read_text().splitlines()[0] + "\nT: 0 nan 0\n")
    fails(drive, "calib_imu_to_velo.txt: T holds nan")


def test_calibration_cut_short(raw: Any) -> None:
    drive = raw.full_drive(1, 2)
    file = raw.date / "calib_cam_to_cam.txt"
    file.write_text(file.read_text()[:300])
    fails(drive, "calib_cam_to_cam.txt", "again")


def test_binary_calibration(raw: Any) -> None:
    drive = raw.full_drive(1, 2)
    (raw.date / "calib_velo_to_cam.txt").write_bytes(b"\xff\xfe\x00")
    fails(drive, "calib_velo_to_cam.txt: is not UTF-8 text")


def test_drive_without_images(raw: Any) -> None:
    drive = raw.full_drive(1, 2)
    (drive / "image_02").rename(raw.root / "away")
    fails(drive, "_0001_sync/image_02: the folder does not exist", "[synced+rectified data]")
    (drive / "image_02/data").mkdir(parents=True)
    fails(raw.root, "image_02/data: there is no frame (.png, .jpg, .jpeg)", "completely")


@pytest.mark.parametrize("sensor", ["velodyne_points", "oxts"])
def test_sensor_without_frames(raw: Any, sensor: str) -> None:
    drive = raw.full_drive(1, 2)
    (drive / sensor / "data").rename(raw.root / "away")
    fails(drive, f"{sensor}/data: there is no frame", "or remove the folder")


def test_drive_without_any_label(raw: Any) -> None:
    fails(
        raw.drive(1, frames=2), "0001_sync: velodyne_points, oxts and tracklet_labels.xml are all"
    )


def test_date_without_drives_and_unsynchronized_drives(raw: Any) -> None:
    drive = raw.full_drive(1, 2)
    extract = drive.with_name("2011_09_26_drive_0001_extract")
    drive.rename(extract)
    for folder in (raw.root, extract):
        fails(folder, "0001_extract: the drive is unsynchronized", "[synced+rectified data]")
    extract.rename(raw.root / "away")
    fails(raw.root, "2011_09_26: there is no drive", "2011_09_26_drive_0001_sync")


def test_two_files_of_one_frame(raw: Any) -> None:
    drive = raw.full_drive(1, 2)
    Image.new("RGB", (120, 48)).save(drive / "image_02/data/0000000001.jpg")
    fails(drive, "0000000001.png: 0000000001.jpg is the same frame")


def test_frames_of_two_sizes(raw: Any) -> None:
    drive = raw.full_drive(1, 2)
    change(raw.date / "calib_cam_to_cam.txt", "S_rect_02", "S_rect_22")
    Image.new("RGB", (60, 48)).save(drive / "image_02/data/0000000000.png")
    fails(drive, "0000000000.png: 60x48 pixels", "0000000001.png has 120x48")


def test_resized_frames(raw: Any) -> None:
    drive = raw.full_drive(1, 2)
    for file in drive.glob("image_02/data/*"):
        Image.new("RGB", (60, 24)).save(file)
    fails(drive, "0000000000.png: 60x24 pixels, but the calibration is for 120x48", "handed out")
    change(raw.date / "calib_cam_to_cam.txt", "S_rect_02", "S_rect_22")
    read_all(drive)


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda data: data[:-3], "13 bytes are no scan"),
        (lambda data: b"", "0 bytes are no scan"),
        (lambda data: np.array([1, np.nan, 0, 0], "<f4").tobytes(), "numbers that are not finite"),
    ],
)
def test_broken_scan(raw: Any, damage: Callable[[bytes], bytes], part: str) -> None:
    drive = raw.full_drive(1, 2)
    file = drive / "velodyne_points/data/0000000001.bin"
    file.write_bytes(damage(file.read_bytes()))
    fails(drive, "0000000001.bin", part, "again")


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda text: text[:100], "the packet has"),
        (lambda text: "", "0 lines, a packet is one line of 30 numbers"),
        (lambda text: text * 2, "2 lines, a packet is one"),
        (lambda text: text.replace("110.0", "nan"), "the packet holds nan"),
        (lambda text: text.replace("110.0", "high"), "could not convert string to float: 'high'"),
        (lambda text: "91 " + text.partition(" ")[2], "latitude 91"),
    ],
)
def test_broken_packet(raw: Any, damage: Callable[[str], str], part: str) -> None:
    drive = raw.full_drive(1, 2)
    file = drive / "oxts/data/0000000001.txt"
    file.write_text(damage(file.read_text()))
    fails(drive, "0000000001.txt", part, "again")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("</boost_serialization>", "", ["cannot be read as XML", "no element found"]),
        ("<tx>10</tx>", "<tx>nan</tx>", ["tracklet 0, pose 0: tx is 'nan'"]),
        ("<tx>10</tx>", "<tx>ten</tx>", ["tx is 'ten', must be a finite number"]),
        ("<tx>10</tx>", "", ["there is no element <tx>"]),
        ("<rz>0.0</rz>", "<rz/>", ["pose 0: rz is ''"]),
        ("<h>1.5</h>", "<h>-1.5</h>", ["tracklet 0: size -1.5 x 2 x 4 m"]),
        ("<count>2</count>", "<count>9</count>", ["poses: 2 items, but count is 9"]),
        ("<count>1</count>", "<count>2</count>", ["tracklets: 1 items, but count is 2"]),
        ("<first_frame>0<", "<first_frame>0.5<", ["first_frame is 0.5, must be a whole number"]),
        ("<objectType>Car</objectType>", "", ["there is no element <objectType>"]),
    ],
)
def test_broken_tracklets(raw: Any, old: str, new: str, parts: list[str]) -> None:
    drive = raw.full_drive(1, 2)
    change(drive / "tracklet_labels.xml", old, new)
    fails(drive, "tracklet_labels.xml", "again", *parts)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY c "&a;&a;">]>',
        '<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE b SYSTEM "http://localhost/b.dtd">',
        '<!DOCTYPE b PUBLIC "-//b" "b.dtd">',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tracklets_with_entities_are_refused(raw: Any, doctype: str, encoding: str) -> None:
    drive = raw.full_drive(1, 2)
    file = drive / "tracklet_labels.xml"
    text = file.read_text().replace("<!DOCTYPE boost_serialization>", doctype)
    file.write_bytes(text.replace("UTF-8", encoding.upper()).encode(encoding))
    fails(drive, "tracklet_labels.xml: the DOCTYPE defines entities or names another file")


def test_tracklets_of_any_size_are_refused(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drive = raw.full_drive(1, 2)
    monkeypatch.setattr(safe_xml, "_MOST_BYTES", 100)
    fails(drive, "tracklet_labels.xml:", "at most 100 bytes of XML are read")


@pytest.mark.parametrize("content", ["<other/>", "<boost_serialization/>", "", "no xml"])
def test_files_that_are_no_tracklets(raw: Any, content: str) -> None:
    drive = raw.full_drive(1, 2)
    (drive / "tracklet_labels.xml").write_text(content)
    fails(drive, "tracklet_labels.xml")
