from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data.kitti import open_kitti
from nas.data.kitti.sequences import KittiOdometrySource
from nas.data.source import SPLITS, DataError
from nas.resolution import Resolution

ANY = Resolution(64, 32)


def fails(folder: Path, *parts: str) -> None:
    with pytest.raises(DataError) as error:
        open_kitti(folder)
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)


def test_customary_sequences_and_chains(sequences: Any, geometry: Any) -> None:
    for number, frames in ((0, 4), (8, 3), (9, 5), (10, 3)):
        sequences.sequence(number, geometry.forward(frames, 0.5 + number))
    for folder in (sequences.root, sequences.root.parent):
        source = open_kitti(folder)
        assert isinstance(source, KittiOdometrySource)
        assert [task.name for task in source.tasks] == ["odometry"]
        assert [source.length(split) for split in SPLITS] == [5, 4, 2]
        labels = [source.frame("train", index, ANY).labels["odometry"] for index in range(5)]
        assert [float(label[2]) for label in labels] == [0.5, 0.5, 0.5, 8.5, 8.5]
        assert [float(label[6]) for label in labels] == [0, 1, 1, 0, 1]
        np.testing.assert_array_equal(labels[0][[0, 1, 3, 4, 5]], 0)
        assert source.frame("val", 0, ANY).labels["odometry"][2] == 9.5


def test_every_frame_has_the_one_before_it(sequences: Any, geometry: Any) -> None:
    sequences.sequence(3, geometry.forward(3))
    source = open_kitti(sequences.root)
    assert source.has_previous
    frame = source.frame("train", 1, ANY)
    assert frame.previous is not None
    assert (frame.image.max(), frame.previous.max()) == (2 * 7 + 3, 7 + 3)
    assert frame.image.shape == (48, 120, 3)


def turn(angle: float) -> Any:
    """The grey camera turns to the right in place."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0, sine, 0], [0, 1, 0, 0], [-sine, 0, cosine, 0]])


@pytest.mark.parametrize(("camera", "offset"), [("image_0", 0.0), ("image_2", 0.06)])
def test_pose_is_that_of_the_camera_whose_images_are_there(
    sequences: Any, camera: str, offset: float
) -> None:
    sequences.sequence(0, [turn(0.0), turn(0.1)], camera=camera)
    label = open_kitti(sequences.root).frame("train", 0, ANY).labels["odometry"]
    # The colour camera, 6 cm left of the centre of the turn, moves forward and to the right.
    wanted = [offset * (1 - np.cos(0.1)), 0, offset * np.sin(0.1), 0, 0.1, 0, 0]
    np.testing.assert_allclose(label, wanted, atol=1e-7)


def test_a_sequence_alone_is_split_by_time(sequences: Any, geometry: Any) -> None:
    sequences.sequence(4, geometry.forward(61))
    source = open_kitti(sequences.root)
    assert [source.length(split) for split in SPLITS] == [26, 6, 6]
    firsts = [int(source.frame(split, 0, ANY).image.max()) for split in SPLITS]
    assert firsts == [(1 * 7 + 4) % 256, (38 * 7 + 4) % 256, (55 * 7 + 4) % 256]
    assert all(source.frame(split, 0, ANY).labels["odometry"][6] == 0 for split in SPLITS)


def test_sequences_without_poses_or_images_are_left_out(sequences: Any, geometry: Any) -> None:
    sequences.sequence(0, geometry.forward(3))
    sequences.sequence(11, geometry.forward(3))
    (sequences.root / "poses/11.txt").unlink()
    (sequences.root / "sequences/01").mkdir()
    assert open_kitti(sequences.root).length("train") == 2


def test_fingerprint_follows_poses_and_images(sequences: Any, geometry: Any) -> None:
    folder = sequences.sequence(0, geometry.forward(3))
    seen = {open_kitti(sequences.root).fingerprint()}
    sequences.sequence(0, geometry.forward(3, 2.25))
    seen.add(open_kitti(sequences.root).fingerprint())
    (folder / "image_2/000001.png").write_bytes(b"changed")
    seen.add(open_kitti(sequences.root).fingerprint())
    assert len(seen) == 3


def test_no_sequence_with_images(sequences: Any) -> None:
    (sequences.root / "sequences/00").mkdir(parents=True)
    fails(sequences.root, "sequences: no sequence of 00 to 10", "data_odometry_color.zip")


@pytest.mark.parametrize(
    ("name", "download"),
    [
        ("poses/00.txt", "data_odometry_poses.zip"),
        ("sequences/00/calib.txt", "data_odometry_calib.zip"),
        ("sequences/00/times.txt", "data_odometry_calib.zip"),
    ],
)
def test_missing_files(sequences: Any, geometry: Any, name: str, download: str) -> None:
    sequences.sequence(0, geometry.forward(3))
    (sequences.root / name).unlink()
    fails(sequences.root, f"{name}: the file does not exist", download)


def test_numbers_of_images_poses_and_times_agree(sequences: Any, geometry: Any) -> None:
    folder = sequences.sequence(0, geometry.forward(3))
    times = (folder / "times.txt").read_text()
    (folder / "times.txt").write_text(times * 2)
    fails(sequences.root, "times.txt: 6 times", "poses/00.txt has 3 poses")
    (folder / "image_2/000001.png").unlink()
    fails(sequences.root, "image_2: 2 images", "poses/00.txt has 3 poses")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("1 0 0 0 0 1 0 0 0 0 1", "00.txt:2: the pose has 11 numbers, must have 12"),
        ("1 0 0 0 0 1 0 0 0 0 1 nan", "00.txt:2: the pose holds nan"),
        ("2 0 0 0 0 1 0 0 0 0 1 0", "00.txt:2: the pose is no rotation"),
        ("-1 0 0 0 0 1 0 0 0 0 1 0", "00.txt:2: the pose is no rotation"),
    ],
)
def test_broken_poses(sequences: Any, geometry: Any, line: str, part: str) -> None:
    sequences.sequence(0, geometry.forward(3))
    file = sequences.root / "poses/00.txt"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], line, lines[2]]))
    fails(sequences.root, part)


def test_broken_calibration(sequences: Any, geometry: Any) -> None:
    folder = sequences.sequence(0, geometry.forward(3))
    text = (folder / "calib.txt").read_text()
    (folder / "calib.txt").write_text(text.replace("P2:", "Q2:"))
    fails(sequences.root, "calib.txt: there is no line P2:")
