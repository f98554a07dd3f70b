"""Write the manifest of a KITTI drive whose depth, motion and vehicle masks are PNG files.

    python examples/kitti_manifest.py FOLDER drive.jsonl
    neurall-search --data manifest:drive.jsonl

FOLDER holds ``rgb``, ``depth_lidar`` (and ``depth_sgm``), ``motion`` and ``seg``, with files named
by frame number. A recording is one route, so it is split by time, and frames between two splits
are left out, for neighbours are almost the same picture: first test, then train, then val. (In
drive 0005 the parked cars come at the end, and so are in train and val only.)
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

HEADER = {
    "neurall_manifest": 1,
    "name": "kitti_drive",
    "tasks": {
        "depth": {"kind": "depth", "scale": 256, "invalid": 0},
        "motion": {"kind": "motion", "ignore": 255},
        "vehicles": {
            "kind": "segmentation",
            "classes": ["background", "car", "pedestrian"],
            "ignore": 255,
        },
    },
}


def manifest_lines(
    folder: Path, *, prefix: str, depth: str, test: int, val: int, gap: int
) -> list[str]:
    """The header and one JSON line a frame, with paths that begin with ``prefix``."""
    images = sorted((folder / "rgb").glob("*.jpg"))
    splits = split_by_time(len(images), test=test, val=val, gap=gap)
    lines = [json.dumps(HEADER)]
    for index, split in splits.items():
        name = f"{images[index].stem}.png"
        frame = {
            "split": split,
            "image": f"{prefix}rgb/{images[index].name}",
            "previous": f"{prefix}rgb/{images[index - 1].name}",
            "labels": {
                "depth": f"{prefix}{depth}/{name}",
                "motion": f"{prefix}motion/{name}",
                "vehicles": f"{prefix}seg/{name}",
            },
        }
        lines.append(json.dumps(frame))
    return lines


def split_by_time(frames: int, *, test: int, val: int, gap: int) -> dict[int, str]:
    """Frame number to split: ``test`` frames, then train, then ``val``, ``gap`` left out between.

    The first frame has none before it and is left out too.
    """
    first, last = 1 + test + gap, frames - val - gap
    if first >= last:
        raise SystemExit(
            f"{frames} frames are too few for {test} to test, {val} to validate and two gaps of "
            f"{gap}: nothing is left to train on"
        )
    splits = dict.fromkeys(range(1, 1 + test), "test")
    splits |= dict.fromkeys(range(first, last), "train")
    return splits | dict.fromkeys(range(frames - val, frames), "val")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the drive: rgb, depth_lidar, motion, seg")
    parser.add_argument("out", type=Path, help="the manifest to write")
    parser.add_argument(
        "--depth",
        choices=("depth_lidar", "depth_sgm"),
        default="depth_lidar",
        help="sparse measured depth, or dense depth from stereo matching",
    )
    parser.add_argument("--test", type=int, default=12, help="frames at the beginning")
    parser.add_argument("--val", type=int, default=22, help="frames at the end")
    parser.add_argument("--gap", type=int, default=10, help="frames left out between two splits")
    options = parser.parse_args(arguments)
    if not (options.folder / "rgb").is_dir():
        raise SystemExit(f"{options.folder}: has no folder rgb, give the drive's folder")
    beside = options.out.resolve().parent == options.folder.resolve()
    lines = manifest_lines(
        options.folder,
        prefix="" if beside else f"{options.folder.resolve().as_posix()}/",
        depth=options.depth,
        test=options.test,
        val=options.val,
        gap=options.gap,
    )
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{options.out}: {len(lines) - 1} frames", file=sys.stderr)


if __name__ == "__main__":
    main()
