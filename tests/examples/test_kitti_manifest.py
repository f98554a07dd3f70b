from __future__ import annotations

import json
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
