"""Write the manifest of a KITTI drive: depth, motion, vehicle masks, boxes and odometry.

    python examples/kitti_manifest.py FOLDER drive.jsonl
    neurall-search --data manifest:drive.jsonl

FOLDER holds ``rgb`` and, with files named by frame number, any of ``depth_lidar`` (and
``depth_sgm``), ``motion``, ``seg`` and ``boxes``; and ``poses.txt``, with one row-major 3x4
camera-to-first-camera matrix a line. Lines of ``boxes`` are ``type track x1 y1 x2 y2 …``, in pixels
of the recorded image, of which those in ``rgb`` may be a smaller copy.

A recording is one route, so it is split by time, and frames between two splits are left out, for
neighbours are almost the same picture: first test, then train, then val. (In drive 0005 the parked
cars come at the end, and so are in train and val only.)
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TASKS = {
    "depth": {"kind": "depth", "scale": 256, "invalid": 0},
    "motion": {"kind": "motion", "ignore": 255},
    "vehicles": {
        "kind": "segmentation",
        "classes": ["background", "car", "pedestrian"],
        "ignore": 255,
    },
    "detection": {"kind": "detection", "classes": ["vehicle", "pedestrian", "cyclist"]},
    "odometry": {"kind": "odometry"},
}
#: Types of KITTI's objects by class; all others are regions to ignore.
CLASSES = {
    "Car": "vehicle",
    "Van": "vehicle",
    "Truck": "vehicle",
    "Tram": "vehicle",
    "Pedestrian": "pedestrian",
    "Person_sitting": "pedestrian",
    "Person (sitting)": "pedestrian",
    "Cyclist": "cyclist",
}
#: Sizes of KITTI's rectified images, by day of recording; most drives have the first.
RECORDED_SIZES = ((1242, 375), (1224, 370), (1226, 370), (1238, 374), (1241, 376))


class Drive(NamedTuple):
    """The folder of a drive, its frames in order, and how it is labelled."""

    folder: Path
    prefix: str
    images: list[Path]
    depth: str
    box_size: tuple[int, int] | None
    tasks: tuple[str, ...]


def manifest_lines(drive: Drive, splits: dict[int, str]) -> list[str]:
    """The header and one JSON line a frame, with paths that begin with the drive's prefix."""
    labels = {task: _LABELS[task](drive) for task in drive.tasks}
    header = {
        "neurall_manifest": 1,
        "name": "kitti_drive",
        "tasks": {task: TASKS[task] for task in drive.tasks},
    }
    lines = [json.dumps(header)]
    for index, split in splits.items():
        found = {task: label(index) for task, label in labels.items()}
        frame = {
            "split": split,
            "image": f"{drive.prefix}rgb/{drive.images[index].name}",
            "previous": f"{drive.prefix}rgb/{drive.images[index - 1].name}",
            "labels": {task: label for task, label in found.items() if label is not None},
        }
        if frame["labels"]:
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
    options = _parser().parse_args(arguments)
    drive = _open_drive(options)
    frames = len(drive.images)
    # Of the 154 frames of drive 0005: 12 to test, 22 to validate, two gaps of 10 (a second).
    splits = split_by_time(
        frames,
        test=frames * 2 // 25 if options.test is None else options.test,
        val=frames // 7 if options.val is None else options.val,
        gap=min(10, frames // 6) if options.gap is None else options.gap,
    )
    lines = manifest_lines(drive, splits)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{options.out}: {len(lines) - 1} frames, {', '.join(drive.tasks)}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the drive: the folder that holds rgb")
    parser.add_argument("out", type=Path, help="the manifest to write")
    parser.add_argument(
        "--tasks",
        metavar="a,b,c",
        help=f"of {', '.join(TASKS)}; all that the folder has labels for if not given",
    )
    parser.add_argument(
        "--depth",
        choices=("depth_lidar", "depth_sgm"),
        default="depth_lidar",
        help="sparse measured depth, or dense depth from stereo matching",
    )
    parser.add_argument(
        "--box-size",
        metavar="1242x375",
        help="size of the image whose pixels the boxes are in, told from the frames if not given",
    )
    parser.add_argument("--test", type=int, help="frames at the beginning, 8 percent by default")
    parser.add_argument("--val", type=int, help="frames at the end, a seventh by default")
    parser.add_argument("--gap", type=int, help="frames left out between two splits, up to 10")
    return parser


def _open_drive(options: argparse.Namespace) -> Drive:
    folder: Path = options.folder
    if not (folder / "rgb").is_dir():
        raise SystemExit(f"{folder}: has no folder rgb, give the drive's folder")
    images = sorted((folder / "rgb").glob("*.jpg")) or sorted((folder / "rgb").glob("*.png"))
    beside = options.out.resolve().parent == folder.resolve()
    return Drive(
        folder=folder,
        prefix="" if beside else f"{folder.resolve().as_posix()}/",
        images=images,
        depth=options.depth,
        box_size=_size(options.box_size) if options.box_size else None,
        tasks=_tasks(folder, options),
    )


def _tasks(folder: Path, options: argparse.Namespace) -> tuple[str, ...]:
    """The tasks that were asked for, or those that the folder has labels for."""
    places = {
        "depth": options.depth,
        "motion": "motion",
        "vehicles": "seg",
        "detection": "boxes",
        "odometry": "poses.txt",
    }
    if options.tasks is None:
        found = tuple(task for task, place in places.items() if (folder / place).exists())
        if not found:
            raise SystemExit(f"{folder}: has none of {', '.join(places.values())}")
        return found
    asked = tuple(dict.fromkeys(options.tasks.split(",")))
    for task in asked:
        if task not in places:
            raise SystemExit(f"--tasks {options.tasks}: {task!r} is none of {', '.join(places)}")
        if not (folder / places[task]).exists():
            raise SystemExit(f"{folder}: has no {places[task]}, which task {task} is read from")
    return asked


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise SystemExit(f"--box-size {text}: give width and height as in 1242x375")
    return int(width), int(height)


def _images_in(part: str) -> Callable[[Drive], Callable[[int], object]]:
    """Labels that are images; a frame without one has no label."""

    def of_drive(drive: Drive) -> Callable[[int], object]:
        folder = drive.depth if part == "depth" else part

        def of_frame(index: int) -> object:
            name = f"{folder}/{drive.images[index].stem}.png"
            return f"{drive.prefix}{name}" if (drive.folder / name).is_file() else None

        return of_frame

    return of_drive


def _boxes(drive: Drive) -> Callable[[int], object]:
    """Boxes in pixels of the frame; a frame without a file has no label, an empty file no boxes."""

    def of_frame(index: int) -> object:
        image = drive.images[index]
        file = drive.folder / "boxes" / f"{image.stem}.txt"
        if not file.is_file():
            return None
        with Image.open(image) as opened:
            size = opened.size
        lines = file.read_text(encoding="utf-8").splitlines()
        boxes = [_box(line, f"{file}:{number}") for number, line in enumerate(lines, 1) if line]
        return _scaled(boxes, drive.box_size or _recorded_size(size), size)

    return of_frame


def _box(line: str, where: str) -> tuple[str, list[float]]:
    # From the right, for one of KITTI's types is 'Person (sitting)'.
    fields = line.rsplit(maxsplit=7)
    try:
        kind, sides = fields[0], [float(side) for side in fields[2:6]]
    except ValueError as error:
        raise SystemExit(f"{where}: {error}") from error
    if len(fields) != 8:
        raise SystemExit(
            f"{where}: {line!r} has {len(fields)} fields, give type track x1 y1 x2 y2 speed moving"
        )
    return CLASSES.get(kind, "ignore"), sides


def _recorded_size(size: tuple[int, int]) -> tuple[int, int]:
    """The size of the recorded image of which a frame of ``size`` is a copy, whole or half."""
    for recorded in RECORDED_SIZES:
        full = size == recorded
        half = all(abs(2 * side - whole) <= 1 for side, whole in zip(size, recorded, strict=True))
        if full or half:
            return recorded
    return RECORDED_SIZES[0]


def _scaled(
    boxes: list[tuple[str, list[float]]], recorded: tuple[int, int], size: tuple[int, int]
) -> list[list[object]]:
    """Boxes in pixels of the frame, clipped to it, without those that are empty then."""
    scaled: list[list[object]] = []
    for kind, sides in boxes:
        x1, y1, x2, y2 = (
            round(min(max(side * frame / whole, 0), frame), 2)
            for side, frame, whole in zip(sides, 2 * size, 2 * recorded, strict=True)
        )
        if x1 < x2 and y1 < y2:
            scaled.append([kind, x1, y1, x2, y2])
    return scaled


def _odometry(drive: Drive) -> Callable[[int], object]:
    """The current camera in the axes of the previous one, as 12 numbers."""
    poses = _read_poses(drive.folder / "poses.txt", len(drive.images))

    def of_frame(index: int) -> object:
        relative = np.linalg.inv(poses[index - 1]) @ poses[index]
        return [round(float(number), 9) for number in relative[:3].ravel()]

    return of_frame


def _read_poses(file: Path, frames: int) -> NDArray[np.float64]:
    """Camera-to-first-camera matrices ``(N, 4, 4)``, one a frame."""
    rows = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if len(rows) != frames:
        raise SystemExit(f"{file}: {len(rows)} poses for the {frames} frames of rgb, give one each")
    if any(len(row) != 12 for row in rows):
        raise SystemExit(f"{file}: a line has not 12 numbers, give a 3x4 matrix a line")
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, :3] = np.array(rows, np.float64).reshape(frames, 3, 4)
    return poses


_LABELS: dict[str, Callable[[Drive], Callable[[int], object]]] = {
    "depth": _images_in("depth"),
    "motion": _images_in("motion"),
    "vehicles": _images_in("seg"),
    "detection": _boxes,
    "odometry": _odometry,
}


if __name__ == "__main__":
    main()
