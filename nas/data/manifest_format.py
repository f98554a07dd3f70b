"""The manifest: JSON Lines, a header and then one line a frame, checked line by line.

The format is described in ``docs/data.md``. Everything that can be told without decoding an image
or opening a label file is told here, with file, line and field.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nas.data.manifest_labels import (
    JsonLabel,
    LabelError,
    Pose,
    may_be_file,
    parse_label,
    reads_json,
)
from nas.data.manifest_line import EXAMPLE, Line, choices, read_manifest_lines, shown
from nas.data.manifest_tasks import ManifestTask, read_task
from nas.data.source import SPLITS, DataError, Split
from search_spaces.task_spec import MOST_TASKS, TaskSpec

_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ManifestFrame:
    """One frame of a manifest: its files, its labels (a file or a value), and its line."""

    split: Split
    image: Path
    previous: Path | None
    labels: Mapping[str, Path | JsonLabel]
    line: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest whose every line is valid and whose files are there."""

    name: str
    tasks: tuple[ManifestTask, ...]
    frames: tuple[ManifestFrame, ...]


def read_manifest(file: Path) -> Manifest:
    """Read and check a manifest; raises ``DataError`` with file, line, field and repair."""
    lines = read_manifest_lines(file)
    if not lines:
        raise DataError(f"{file}: the manifest is empty; its first line is a header like {EXAMPLE}")
    name, tasks = _read_header(lines[0])
    frames = tuple(_read_frame(line, tasks) for line in lines[1:])
    _check_splits(file, tasks, frames)
    return Manifest(name=name, tasks=tuple(tasks.values()), frames=_chain_poses(frames))


def _read_header(line: Line) -> tuple[str, dict[str, ManifestTask]]:
    header = line.parse()
    if "neurall_manifest" not in header:
        raise line.error(f"the header is missing; the first line is one like {EXAMPLE}")
    version = header["neurall_manifest"]
    if version != _VERSION or isinstance(version, bool):
        raise line.error(f"neurall_manifest is {shown(version)}, this program reads {_VERSION}")
    line.check_keys(header, ("neurall_manifest", "name", "tasks"), "header field")
    name = line.name_of(header, "name")
    tasks = line.object_of(header.get("tasks"), "tasks")
    if len(tasks) > MOST_TASKS:
        raise line.error(f"tasks has {len(tasks)} entries, at most {MOST_TASKS} are read")
    return name, {key: read_task(line, key, value) for key, value in tasks.items()}


def _read_frame(line: Line, tasks: Mapping[str, ManifestTask]) -> ManifestFrame:
    values = line.parse()
    line.check_keys(values, ("split", "image", "previous", "labels"), "frame field")
    split = next((s for s in SPLITS if s == values.get("split")), None)
    if split is None:
        got = f"is {shown(values['split'])}" if "split" in values else "is missing"
        raise line.error(f"split {got}, {choices(values.get('split'), SPLITS)}")
    previous = values.get("previous")
    labels = line.object_of(values.get("labels"), "labels")
    line.check_keys(labels, tasks, "labels: task")
    frame = ManifestFrame(
        split=split,
        image=line.path_of(values.get("image"), "image"),
        previous=None if previous is None else line.path_of(previous, "previous"),
        labels={name: _read_label(line, value, tasks[name].spec) for name, value in labels.items()},
        line=line.number,
    )
    _check_motion(line, frame)
    return frame


def _read_label(line: Line, value: object, spec: TaskSpec) -> Path | JsonLabel:
    field = f"labels.{spec.name}"
    if not reads_json(spec.kind) or (may_be_file(spec.kind) and isinstance(value, str)):
        return line.path_of(value, field)
    try:
        return parse_label(value, spec)
    except LabelError as error:
        raise line.error(f"{field}{error}") from error


def _check_motion(line: Line, frame: ManifestFrame) -> None:
    for name, label in frame.labels.items():
        if isinstance(label, Pose) and frame.previous is None:
            raise line.error(
                f"labels.{name} tells the motion since the previous frame, but previous is "
                "missing; name that frame or leave the label out"
            )


def _chain_poses(frames: tuple[ManifestFrame, ...]) -> tuple[ManifestFrame, ...]:
    """Mark the poses that begin where the pose of the frame before them in the split ends."""
    chained = []
    last: dict[Split, ManifestFrame] = {}
    for frame in frames:
        before = last.get(frame.split)
        if before is not None and _follows(frame, before):
            frame = replace(frame, labels=_chained(frame.labels, before.labels))
        last[frame.split] = frame
        chained.append(frame)
    return tuple(chained)


def _chained(
    labels: Mapping[str, Path | JsonLabel], before: Mapping[str, Path | JsonLabel]
) -> dict[str, Path | JsonLabel]:
    return {
        name: replace(label, chained=True) if isinstance(label, Pose) and name in before else label
        for name, label in labels.items()
    }


def _follows(frame: ManifestFrame, before: ManifestFrame) -> bool:
    previous = frame.previous
    if previous is None:
        return False
    return previous == before.image or os.path.realpath(previous) == os.path.realpath(before.image)


def _check_splits(
    file: Path, tasks: Mapping[str, ManifestTask], frames: tuple[ManifestFrame, ...]
) -> None:
    """Something to train and to validate every task on, and no image in two splits."""
    for split in ("train", "val"):
        present = [frame for frame in frames if frame.split == split]
        if not present:
            raise DataError(f'{file}: no frame has "split": "{split}", mark some frames so')
        for task in tasks:
            if not any(task in frame.labels for frame in present):
                raise DataError(
                    f"{file}: no frame of split {split} has a label of task {task}, "
                    "label some or take the task out of the header"
                )
    seen: dict[Path, ManifestFrame] = {}
    for frame in frames:
        first = seen.setdefault(Path(os.path.realpath(frame.image)), frame)
        if first.split != frame.split:
            raise DataError(
                f"{file}:{frame.line}: image {frame.image} is in split {frame.split}, and in "
                f"split {first.split} on line {first.line}; keep it in one of them"
            )
