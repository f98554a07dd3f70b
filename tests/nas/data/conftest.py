"""Small data sets written to disk, and the place of recorded ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

#: Size of the generated frames, height first.
SIZE = (40, 60)
HEADER: dict[str, Any] = {
    "neurall_manifest": 1,
    "name": "my_drive",
    "tasks": {
        "depth": {"kind": "depth", "scale": 256, "invalid": 0},
        "motion": {"kind": "motion", "ignore": 255},
        "vehicles": {"kind": "segmentation", "classes": ["background", "car"], "ignore": 9},
    },
}

Write = Callable[..., Path]


@pytest.fixture
def recorded() -> Path:
    """The folder of recorded driving data; skips the test where it is missing."""
    default = Path(__file__).parents[3] / ".." / "shared" / "data"
    folder = Path(os.environ.get("NEURALL_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}: set NEURALL_TEST_DATA")
    return folder


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    """A folder in CamVid's layout with 6 training and 20 validation frames."""
    folder = tmp_path / "camvid"
    generator = np.random.default_rng(0)
    for split, frames in (("train", 6), ("val", 20)):
        (folder / split).mkdir(parents=True)
        (folder / f"{split}annot").mkdir()
        lines = []
        for index in range(frames):
            image = generator.integers(0, 256, (*SIZE, 3), np.uint8)
            label = generator.integers(0, 12, SIZE).astype(np.uint8)
            Image.fromarray(image).save(folder / f"{split}/{index:03}.jpg")
            Image.fromarray(label).save(folder / f"{split}annot/{index:03}.png")
            lines.append(f"{split}/{index:03}.jpg {split}annot/{index:03}.png")
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return folder


def manifest_frames() -> list[dict[str, Any]]:
    """Six frames: the first without a previous one, one with depth alone."""
    frames: list[dict[str, Any]] = []
    for index, split in enumerate(("train", "train", "train", "val", "val", "test")):
        frame: dict[str, Any] = {
            "split": split,
            "image": f"rgb/{index}.png",
            "labels": {
                "depth": f"depth/{index}.png",
                "motion": f"motion/{index}.png",
                "vehicles": f"vehicles/{index}.png",
            },
        }
        if index > 0:
            frame["previous"] = f"rgb/{index - 1}.png"
        if index == 1:
            frame["labels"] = {"depth": "depth/1.png"}
        frames.append(frame)
    return frames


@pytest.fixture
def write_manifest(tmp_path: Path) -> Write:
    """Writes the files of ``manifest_frames`` and a manifest with the given header and lines."""
    folder = tmp_path / "drive"
    generator = np.random.default_rng(1)
    for name in ("rgb", "depth", "motion", "vehicles"):
        (folder / name).mkdir(parents=True)
    for index in range(6):
        image = generator.integers(0, 256, (*SIZE, 3), np.uint8)
        Image.fromarray(image).save(folder / f"rgb/{index}.png")
        depth = generator.integers(0, 80 * 256, SIZE).astype(np.uint16)
        depth[generator.random(SIZE) < 0.5] = 0
        Image.fromarray(depth).save(folder / f"depth/{index}.png")
        motion = generator.choice([0, 1, 255], SIZE).astype(np.uint8)
        Image.fromarray(motion).save(folder / f"motion/{index}.png")
        vehicles = generator.choice([0, 1, 9], SIZE).astype(np.uint8)
        Image.fromarray(vehicles).save(folder / f"vehicles/{index}.png")

    def write(
        frames: list[dict[str, Any]] | None = None,
        header: dict[str, Any] | None = None,
        *,
        text: str | None = None,
    ) -> Path:
        file = folder / "manifest.jsonl"
        lines = [HEADER if header is None else header]
        lines += manifest_frames() if frames is None else frames
        file.write_text("\n".join(map(json.dumps, lines)) + "\n" if text is None else text)
        return file

    return write


@pytest.fixture
def frames() -> list[dict[str, Any]]:
    return manifest_frames()


@pytest.fixture
def header() -> dict[str, Any]:
    return json.loads(json.dumps(HEADER))
