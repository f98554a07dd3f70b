"""The manifest: JSON Lines, a header and then one line a frame, checked line by line.

The format is described in ``docs/data.md``. Everything that can be told without decoding an image
is told here, with file, line and field.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from nas.data.image_files import check_file, read_lines
from nas.data.source import IGNORE, SPLITS, DataError, Split
from search_spaces.default_tasks import DEPTH, MOTION, MOTION_CLASSES
from search_spaces.task_spec import ArchitectureError, TaskSpec

_EXAMPLE = (
    '{"neurall_manifest": 1, "name": "my_drive", "tasks": {"depth": {"kind": "depth", '
    '"scale": 256}}}'
)
_VERSION = 1
#: No pixel holds more, and Python's integers may be larger than any float.
_LARGEST = 1e15


@dataclass(frozen=True, kw_only=True)
class ManifestTask:
    """A task of a manifest and how its label images are read.

    ``empty`` is the value in the files that means no label. ``scale`` is for depth alone: stored
    value = metres × scale.
    """

    spec: TaskSpec
    empty: int
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class ManifestFrame:
    """One frame of a manifest: its files, and the line that names them."""

    split: Split
    image: Path
    previous: Path | None
    labels: Mapping[str, Path]
    line: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest whose every line is valid and whose files are there."""

    name: str
    tasks: tuple[ManifestTask, ...]
    frames: tuple[ManifestFrame, ...]


def read_manifest(file: Path) -> Manifest:
    """Read and check a manifest; raises ``DataError`` with file, line, field and repair."""
    lines = [_Line(file, number, text) for number, text in enumerate(read_lines(file), start=1)]
    lines = [line for line in lines if line.text.strip()]
    if not lines:
        raise DataError(
            f"{file}: the manifest is empty; its first line is a header like {_EXAMPLE}"
        )
    name, tasks = _read_header(lines[0])
    frames = tuple(_read_frame(line, tasks) for line in lines[1:])
    _check_splits(file, tasks, frames)
    return Manifest(name=name, tasks=tuple(tasks.values()), frames=frames)


@dataclass(frozen=True)
class _Line:
    file: Path
    number: int
    text: str

    def error(self, message: str) -> DataError:
        return DataError(f"{self.file}:{self.number}: {message}")

    def parse(self) -> dict[str, object]:
        """The JSON object of this line."""
        try:
            value = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise self.error(
                f"is not JSON ({reason}); every line is one JSON object, the first one a header "
                f"like {_EXAMPLE}"
            ) from error
        if not isinstance(value, dict):
            raise self.error(f"{_shown(value)} is not a JSON object {{…}}")
        return value

    def check_keys(self, found: Iterable[str], allowed: Iterable[str], where: str) -> None:
        """Refuse a key that nobody reads: it is a typo most of the time."""
        known = tuple(allowed)
        for key in found:
            if key not in known:
                raise self.error(f"{where} {key!r} is unknown, {_choices(key, known)}")

    def text_of(self, values: Mapping[str, object], key: str) -> str:
        """A text that must be there and fit on a line."""
        value = values.get(key)
        if not _is_text(value):
            got = "is missing" if key not in values else f"is {_shown(value)}"
            raise self.error(f"{key} {got}, give a text of one line")
        return str(value)

    def path_of(self, value: object, field: str) -> Path:
        """An existing file, relative to the manifest's folder or absolute."""
        if not _is_text(value):
            raise self.error(f"{field} is {_shown(value)}, give the path of a file")
        path = self.file.parent / str(value)
        try:
            check_file(path)
        except DataError as error:
            raise self.error(f"{field}: {error}") from error
        return path

    def object_of(self, value: object, field: str) -> dict[str, object]:
        """A JSON object that is not empty."""
        if not isinstance(value, dict) or not value:
            raise self.error(f"{field} is {_shown(value)}, give a JSON object with entries")
        return value


def _read_header(line: _Line) -> tuple[str, dict[str, ManifestTask]]:
    header = line.parse()
    if "neurall_manifest" not in header:
        raise line.error(f"the header is missing; the first line is one like {_EXAMPLE}")
    version = header["neurall_manifest"]
    if version != _VERSION or isinstance(version, bool):
        raise line.error(f"neurall_manifest is {_shown(version)}, this program reads {_VERSION}")
    line.check_keys(header, ("neurall_manifest", "name", "tasks"), "header field")
    name = line.text_of(header, "name")
    tasks = line.object_of(header.get("tasks"), "tasks")
    return name, {key: _read_task(line, key, value) for key, value in tasks.items()}


def _read_task(line: _Line, name: str, value: object) -> ManifestTask:
    field = f"tasks.{name}"
    options = line.object_of(value, field)
    kind = options.get("kind")
    if not isinstance(kind, str) or kind not in _TASK_READERS:
        close = _choices(str(kind), tuple(_TASK_READERS))
        got = f"is {_shown(kind)}" if "kind" in options else "is missing"
        raise line.error(f"{field}.kind {got}, {close}")
    try:
        return _TASK_READERS[kind](line, name, options)
    except ArchitectureError as error:
        raise line.error(f"{field}: {error}") from error


def _read_segmentation(line: _Line, name: str, options: Mapping[str, object]) -> ManifestTask:
    line.check_keys(options, ("kind", "classes", "ignore"), f"tasks.{name} field")
    given = options.get("classes")
    valid = isinstance(given, list) and all(_is_text(name) for name in given)
    if not isinstance(given, list) or not valid or not 2 <= len(given) < IGNORE:
        raise line.error(
            f"tasks.{name}.classes is {_shown(given)}, give a list of 2 to {IGNORE - 1} names"
        )
    classes = tuple(str(c) for c in given)
    if len(set(classes)) < len(classes):
        raise line.error(f"tasks.{name}.classes names a class twice: {', '.join(classes)}")
    spec = TaskSpec(name=name, kind="segmentation", channels=len(classes), classes=classes)
    return ManifestTask(spec=spec, empty=_read_ignore(line, name, options, classes))


def _read_motion(line: _Line, name: str, options: Mapping[str, object]) -> ManifestTask:
    line.check_keys(options, ("kind", "ignore"), f"tasks.{name} field")
    spec = replace(MOTION, name=name)
    return ManifestTask(spec=spec, empty=_read_ignore(line, name, options, MOTION_CLASSES))


def _read_depth(line: _Line, name: str, options: Mapping[str, object]) -> ManifestTask:
    line.check_keys(options, ("kind", "scale", "invalid"), f"tasks.{name} field")
    scale = options.get("scale")
    number = isinstance(scale, int | float) and not isinstance(scale, bool)
    if not isinstance(scale, int | float) or not number or not 0 < scale <= _LARGEST:
        raise line.error(
            f"tasks.{name}.scale is {_shown(scale)}, give a number above 0 by which stored values "
            "are divided to get metres (256 for KITTI's PNGs)"
        )
    empty = _read_integer(line, name, options, "invalid", 0)
    spec = replace(DEPTH, name=name)
    return ManifestTask(spec=spec, empty=empty, scale=float(scale))


_TASK_READERS: Mapping[str, Callable[[_Line, str, Mapping[str, object]], ManifestTask]] = {
    "segmentation": _read_segmentation,
    "depth": _read_depth,
    "motion": _read_motion,
}


def _read_ignore(
    line: _Line, name: str, options: Mapping[str, object], classes: tuple[str, ...]
) -> int:
    ignore = _read_integer(line, name, options, "ignore", IGNORE)
    if ignore < len(classes):
        raise line.error(
            f"tasks.{name}.ignore is {ignore}, which is also the class {classes[ignore]!r}; "
            f"give {len(classes)} or more"
        )
    return ignore


def _read_integer(
    line: _Line, name: str, options: Mapping[str, object], key: str, default: int
) -> int:
    value = options.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        raise line.error(f"tasks.{name}.{key} is {_shown(value)}, give an integer from 0")
    return value


def _read_frame(line: _Line, tasks: Mapping[str, ManifestTask]) -> ManifestFrame:
    values = line.parse()
    line.check_keys(values, ("split", "image", "previous", "labels"), "frame field")
    split = next((s for s in SPLITS if s == values.get("split")), None)
    if split is None:
        got = f"is {_shown(values['split'])}" if "split" in values else "is missing"
        raise line.error(f"split {got}, {_choices(str(values.get('split')), SPLITS)}")
    previous = values.get("previous")
    labels = line.object_of(values.get("labels"), "labels")
    line.check_keys(labels, tasks, "labels: task")
    return ManifestFrame(
        split=split,
        image=line.path_of(values.get("image"), "image"),
        previous=None if previous is None else line.path_of(previous, "previous"),
        labels={task: line.path_of(path, f"labels.{task}") for task, path in labels.items()},
        line=line.number,
    )


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


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _choices(given: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(given, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"use {', '.join(known)}{hint}"


def _shown(value: object) -> str:
    """A JSON value in an error, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return "missing" if value is None else text if len(text) <= 60 else f"{text[:57]}…"
