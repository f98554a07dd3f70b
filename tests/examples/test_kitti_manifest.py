from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples import kitti_manifest
from nas.data.manifest import ManifestSource
from nas.resolution import Resolution

ANY = Resolution(64, 32)


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A drive of 12 frames in KITTI's layout, each frame as bright as its number."""
    folder = tmp_path / "drive"
    for part in ("rgb", "depth_lidar", "depth_sgm", "motion", "seg"):
        (folder / part).mkdir(parents=True)
    for index in range(12):
        grey = np.full((32, 64, 3), 10 * index, np.uint8)
        Image.fromarray(grey).save(folder / "rgb" / f"{index:010}.jpg")
        metres = np.full((32, 64), 256 * (index + 1), np.uint16)
        for part in ("depth_lidar", "depth_sgm"):
            Image.fromarray(metres).save(folder / part / f"{index:010}.png")
        for part in ("motion", "seg"):
            Image.fromarray(grey[..., 0] * 0).save(folder / part / f"{index:010}.png")
    return folder


def write(drive: Path, out: Path, *, gap: int = 1) -> ManifestSource:
    kitti_manifest.main(
        [str(drive), str(out), "--test", "2", "--val", "3", "--gap", str(gap)],
    )
    return ManifestSource(out)


def test_splits_follow_each_other_in_time_with_gaps_between(drive: Path, tmp_path: Path) -> None:
    source = write(drive, tmp_path / "drive.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "drive.jsonl").read_text().splitlines()[1:]]
    numbers = {int(Path(line["image"]).stem): line["split"] for line in lines}
    assert numbers == {
        1: "test", 2: "test",
        4: "train", 5: "train", 6: "train", 7: "train",
        9: "val", 10: "val", 11: "val",
    }  # fmt: skip
    assert [source.length(split) for split in ("train", "val", "test")] == [4, 3, 2]


def test_frames_have_the_one_before_and_all_labels(drive: Path, tmp_path: Path) -> None:
    frame = write(drive, tmp_path / "drive.jsonl").frame("val", 0, ANY)
    assert frame.previous is not None
    means = frame.image.mean(), frame.previous.mean()
    assert means == pytest.approx((90, 80), abs=2)
    assert set(frame.labels) == {"depth", "motion", "vehicles"}
    assert np.unique(frame.labels["depth"]) == [10]


def test_paths_are_relative_in_a_manifest_beside_the_frames(drive: Path) -> None:
    source = write(drive, drive / "drive.jsonl")
    assert '"image": "rgb/' in (drive / "drive.jsonl").read_text()
    assert source.frame("train", 0, ANY).labels


def test_a_drive_too_short_for_its_splits_is_told(drive: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="12 frames are too few"):
        write(drive, tmp_path / "drive.jsonl", gap=4)


def test_a_folder_without_frames_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no folder rgb"):
        kitti_manifest.main([str(tmp_path), str(tmp_path / "drive.jsonl")])


@pytest.fixture
def full_drive(drive: Path) -> Path:
    """The same drive with boxes and poses: it moves 1 m a frame and turns left by 0.1 rad."""
    (drive / "boxes").mkdir()
    poses = []
    for index in range(12):
        lines = [
            "Van 3 621.0 0.0 2000.0 187.5 0.12 0",
            "Person (sitting) 4 0.0 93.75 310.5 375.0 nan 0",
            "Misc 5 0 0 124.2 37.5 0.0 0",
            "Cyclist 6 -50 10 -20 30 3.1 1",
        ]
        (drive / f"boxes/{index:010}.txt").write_text("\n".join(lines if index else []) + "\n")
        angle = -0.1 * index
        x = sum(math.sin(-0.1 * i) for i in range(index))
        z = sum(math.cos(-0.1 * i) for i in range(index))
        cos, sin = math.cos(angle), math.sin(angle)
        poses.append(f"{cos} 0 {sin} {x} 0 1 0 0 {-sin} 0 {cos} {z}")
    (drive / "poses.txt").write_text("\n".join(poses) + "\n")
    return drive


def test_boxes_are_scaled_to_the_frame_and_named_by_class(full_drive: Path, tmp_path: Path) -> None:
    source = write(full_drive, tmp_path / "drive.jsonl")
    spec = next(spec for spec in source.tasks if spec.name == "detection")
    assert spec.classes == ("vehicle", "pedestrian", "cyclist")
    label = source.frame("train", 0, ANY).labels["detection"]
    wanted = [[0, 0.5, 0, 1, 0.5], [1, 0, 0.25, 0.25, 1], [255, 0, 0, 0.1, 0.1]]
    np.testing.assert_allclose(label, wanted, atol=1e-3)


def test_odometry_is_the_motion_since_the_previous_frame(full_drive: Path, tmp_path: Path) -> None:
    source = write(full_drive, tmp_path / "drive.jsonl")
    labels = [source.frame("train", index, ANY).labels["odometry"] for index in range(4)]
    np.testing.assert_allclose(
        labels, [[0, 0, 1, 0, -0.1, 0, float(i > 0)] for i in range(4)], atol=1e-6
    )


def test_tasks_can_be_chosen(full_drive: Path, tmp_path: Path) -> None:
    out = tmp_path / "drive.jsonl"
    options = ["--test", "2", "--val", "3", "--gap", "1"]
    kitti_manifest.main([str(full_drive), str(out), *options, "--tasks", "odometry,motion"])
    assert [spec.name for spec in ManifestSource(out).tasks] == ["odometry", "motion"]
    assert set(ManifestSource(out).frame("train", 0, ANY).labels) == {"odometry", "motion"}


def test_every_task_of_a_full_drive_is_the_default(full_drive: Path, tmp_path: Path) -> None:
    source = write(full_drive, tmp_path / "drive.jsonl")
    names = {spec.name for spec in source.tasks}
    assert names == {"depth", "motion", "vehicles", "detection", "odometry"}


@pytest.mark.parametrize(
    ("tasks", "part"),
    [("boxes", "'boxes' is none of depth"), ("depth,detection", "has no boxes, which task")],
)
def test_a_task_that_cannot_be_read_is_told(
    drive: Path, tmp_path: Path, tasks: str, part: str
) -> None:
    with pytest.raises(SystemExit, match=part):
        kitti_manifest.main([str(drive), str(tmp_path / "drive.jsonl"), "--tasks", tasks])


def test_frames_without_a_label_file_keep_their_other_labels(
    full_drive: Path, tmp_path: Path
) -> None:
    (full_drive / "boxes/0000000005.txt").unlink()
    (full_drive / "depth_lidar/0000000005.png").unlink()
    labels = write(full_drive, tmp_path / "drive.jsonl").frame("train", 1, ANY).labels
    assert set(labels) == {"motion", "vehicles", "odometry"}


def test_poses_that_do_not_fit_the_frames_are_told(full_drive: Path, tmp_path: Path) -> None:
    poses = full_drive / "poses.txt"
    poses.write_text("\n".join(poses.read_text().splitlines()[:-1]))
    with pytest.raises(SystemExit, match="11 poses for the 12 frames"):
        write(full_drive, tmp_path / "drive.jsonl")


@pytest.mark.parametrize("frames", [30, 77, 154, 800])
def test_drives_of_any_length_have_all_splits(drive: Path, tmp_path: Path, frames: int) -> None:
    for part, suffix in (("rgb", "jpg"), ("motion", "png")):
        first = drive / part / f"{0:010}.{suffix}"
        for index in range(12, frames):
            (drive / part / f"{index:010}.{suffix}").symlink_to(first)
    out = tmp_path / "drive.jsonl"
    kitti_manifest.main([str(drive), str(out), "--tasks", "motion"])
    source = [json.loads(line)["split"] for line in out.read_text().splitlines()[1:]]
    assert {split: source.count(split) > 0 for split in ("train", "val", "test")} == {
        "train": True, "val": True, "test": True,
    }  # fmt: skip
    assert source.count("train") > len(source) / 3


@pytest.mark.real_data
def test_boxes_and_poses_of_the_recorded_drive(tmp_path: Path) -> None:
    default = Path(__file__).parents[2] / ".." / "shared" / "data"
    folder = Path(os.environ.get("NEURALL_TEST_DATA", default)) / "kitti_drive_0005"
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}: set NEURALL_TEST_DATA")
    out = tmp_path / "drive.jsonl"
    kitti_manifest.main([str(folder), str(out)])
    source = ManifestSource(out)
    steps = np.array([source.frame("train", i, ANY).labels["odometry"] for i in range(0, 99, 9)])
    assert (steps[:, 2] > 0.1).all()  # forwards, at 10 Hz
    assert (steps[:, 2] < 1.5).all()
    assert (np.abs(steps[:, 3:6]) < 0.1).all()
    # What moves lies in boxes: it would not, were they scaled wrongly.
    for index in range(0, 99, 9):
        labels = source.frame("train", index, ANY).labels
        rows, columns = labels["motion"].shape
        boxed = np.zeros((rows, columns), bool)
        for left, top, right, bottom in labels["detection"][:, 1:] * (columns, rows, columns, rows):
            boxed[int(top) : math.ceil(bottom), int(left) : math.ceil(right)] = True
        assert boxed[labels["motion"] == 1].mean() > 0.95
