from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.camvid import CAMVID_CLASSES, CamVidSource
from nas.data.source import SPLITS, DataError
from nas.resolution import Resolution

ANY = Resolution(64, 32)


def read_all(folder: Path) -> None:
    source = CamVidSource(folder)
    for split in SPLITS:
        for index in range(source.length(split)):
            source.frame(split, index, ANY)


def fails(folder: Path, *parts: str) -> None:
    """Opening or reading the folder ends in one line that holds all parts."""
    with pytest.raises(DataError) as error:
        read_all(folder)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_frames_and_labels_are_read_and_void_is_ignored(camvid: Path) -> None:
    source = CamVidSource(camvid)
    assert source.length("train") == 6
    frame = source.frame("train", 2, ANY)
    label = np.asarray(Image.open(camvid / "trainannot/002.png"))
    assert frame.image.shape == (40, 60, 3)
    assert frame.previous is None
    assert not source.has_previous
    np.testing.assert_array_equal(
        frame.labels["segmentation"], np.where(label == 11, 255, label).astype(np.uint8)
    )
    assert source.tasks[0].classes == CAMVID_CLASSES


def test_test_split_is_the_end_of_val_behind_a_gap(camvid: Path) -> None:
    source = CamVidSource(camvid)
    assert (source.length("val"), source.length("test")) == (8, 8)
    lines = (camvid / "val.txt").read_text().splitlines()
    last, first = (np.asarray(Image.open(camvid / lines[number].split()[0])) for number in (7, 12))
    np.testing.assert_array_equal(source.frame("val", 7, ANY).image, last)
    np.testing.assert_array_equal(source.frame("test", 0, ANY).image, first)


def test_test_list_is_used_where_there_is_one(camvid: Path) -> None:
    (camvid / "test.txt").write_text((camvid / "train.txt").read_text())
    source = CamVidSource(camvid)
    assert [source.length(split) for split in SPLITS] == [6, 20, 6]


def test_fingerprint_follows_every_file(camvid: Path) -> None:
    before = CamVidSource(camvid).fingerprint()
    assert CamVidSource(camvid).fingerprint() == before
    Image.new("L", (60, 40)).save(camvid / "valannot/019.png")
    changed = CamVidSource(camvid).fingerprint()
    assert changed != before
    (camvid / "train.txt").write_text((camvid / "train.txt").read_text() + "\n")
    assert CamVidSource(camvid).fingerprint() not in (before, changed)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    fails(tmp_path / "nowhere", f"{tmp_path / 'nowhere'}: the folder does not exist")


def test_file_in_place_of_the_folder_is_named(camvid: Path) -> None:
    fails(camvid / "train.txt", "train.txt: the folder is a file")


def test_folder_without_list_is_named(camvid: Path) -> None:
    (camvid / "val.txt").unlink()
    fails(camvid, "val.txt: the file does not exist")


def test_empty_list_is_named(camvid: Path) -> None:
    (camvid / "train.txt").write_text("\n")
    fails(camvid, "train.txt: no frame is listed")


def test_line_without_label_is_named(camvid: Path) -> None:
    (camvid / "train.txt").write_text("train/000.jpg trainannot/000.png\ntrain/001.jpg\n")
    fails(camvid, "train.txt:2", "'train/001.jpg'", "give an image and a label")


def test_binary_list_is_named(camvid: Path) -> None:
    (camvid / "train.txt").write_bytes(b"\xff\xfe\x00")
    fails(camvid, "train.txt: is not UTF-8 text")


def test_missing_image_is_named_with_its_line(camvid: Path) -> None:
    (camvid / "train/003.jpg").unlink()
    fails(camvid, "train.txt:4: image ", "train/003.jpg: the file does not exist")


def test_folder_in_place_of_a_label_is_named(camvid: Path) -> None:
    (camvid / "trainannot/003.png").unlink()
    (camvid / "trainannot/003.png").mkdir()
    fails(camvid, "train.txt:4: label ", "trainannot/003.png: the file is a folder")


def test_label_of_wrong_size_is_named(camvid: Path) -> None:
    Image.new("L", (30, 40)).save(camvid / "trainannot/001.png")
    fails(camvid, "trainannot/001.png: 30x40 pixels", "train/001.jpg has 60x40")


def test_value_outside_the_classes_is_named(camvid: Path) -> None:
    Image.new("L", (60, 40), 12).save(camvid / "valannot/002.png")
    fails(camvid, "valannot/002.png", "value 12", "0 to 10 (sky, building", "11 for no label")


def test_colour_label_is_named(camvid: Path) -> None:
    Image.new("RGB", (60, 40)).save(camvid / "trainannot/001.png")
    fails(camvid, "trainannot/001.png", "mode RGB", "one channel")


@pytest.mark.parametrize("name", ["train/004.jpg", "trainannot/004.png"])
@pytest.mark.parametrize("damage", ["truncated", "noise", "empty"])
def test_broken_image_is_named(camvid: Path, name: str, damage: str) -> None:
    file = camvid / name
    data = file.read_bytes()
    file.write_bytes(
        {"truncated": data[: len(data) // 2], "noise": b"no image" * 99, "empty": b""}[damage]
    )
    fails(camvid, f"{name}: the image cannot be read")


def test_png_with_a_flipped_bit_is_named(camvid: Path) -> None:
    file = camvid / "trainannot/000.png"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(bytes(data))
    fails(camvid, "trainannot/000.png: the image cannot be read")


@pytest.mark.real_data
def test_recorded_camvid(recorded: Path) -> None:
    source = CamVidSource(recorded / "camvid")
    assert [source.length(split) for split in SPLITS] == [367, 43, 43]
    frame = source.frame("val", 0, ANY)
    label = frame.labels["segmentation"]
    assert frame.image.shape == (360, 480, 3)
    shares = np.bincount(label.ravel(), minlength=256) / label.size
    assert shares[CAMVID_CLASSES.index("road")] > 0.15
    assert re.fullmatch(r"camvid-[0-9a-f]{64}", source.fingerprint())
