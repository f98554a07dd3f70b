"""The tasks in a manifest's header: one reader a kind of task, each checking its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from nas.data.manifest_line import LARGEST, Line, choices, number_of, shown
from nas.data.source import IGNORE
from search_spaces.default_tasks import (
    CALIBRATION,
    DEPTH,
    DETECTION,
    MOTION,
    MOTION_CLASSES,
    ODOMETRY,
    SCENE,
    SOILING_TILES,
    STIXELS,
)
from search_spaces.spelling import is_name, one_line
from search_spaces.task_spec import ArchitectureError, TaskSpec

#: Stands for a region in which objects are not labelled, and so for no class of a detection task.
IGNORED_BOX = "ignore"
#: The four numbers that place a box, beside the scores of the classes.
_BOX_CHANNELS = DETECTION.channels - len(DETECTION.classes)

_Options = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class ManifestTask:
    """A task of a manifest and how its label images, if it has any, are read.

    ``empty`` is the value in the files that means no label. ``scale`` is for depth alone: stored
    value = metres × scale.
    """

    spec: TaskSpec
    empty: int = IGNORE
    scale: float = 1.0


def read_task(line: Line, name: str, value: object) -> ManifestTask:
    """The task that the header describes under ``name``; raises ``DataError`` with its field."""
    field = f"tasks.{one_line(name)}"
    options = line.object_of(value, field)
    kind = options.get("kind")
    if not isinstance(kind, str) or kind not in _READERS:
        close = choices(kind, tuple(_READERS))
        got = f"is {shown(kind)}" if "kind" in options else "is missing"
        raise line.error(f"{field}.kind {got}, {close}")
    try:
        return _READERS[kind](line, name, options)
    except ArchitectureError as error:
        raise line.error(f"{field}: {error}") from error


def _read_segmentation(line: Line, name: str, options: _Options) -> ManifestTask:
    line.check_keys(options, ("kind", "classes", "ignore"), f"tasks.{name} field")
    classes = _read_classes(line, name, options, fewest=2)
    spec = TaskSpec(name=name, kind="segmentation", channels=len(classes), classes=classes)
    return ManifestTask(spec=spec, empty=_read_ignore(line, name, options, classes))


def _read_motion(line: Line, name: str, options: _Options) -> ManifestTask:
    line.check_keys(options, ("kind", "ignore"), f"tasks.{name} field")
    spec = replace(MOTION, name=name)
    return ManifestTask(spec=spec, empty=_read_ignore(line, name, options, MOTION_CLASSES))


def _read_depth(line: Line, name: str, options: _Options) -> ManifestTask:
    line.check_keys(options, ("kind", "scale", "invalid"), f"tasks.{name} field")
    scale = number_of(options.get("scale"))
    if scale is None or scale <= 0:
        raise line.error(
            f"tasks.{name}.scale is {shown(options.get('scale'))}, give a number above 0 by which "
            "stored values are divided to get metres (256 for KITTI's PNGs)"
        )
    empty = _read_integer(line, name, options, "invalid", 0)
    return ManifestTask(spec=replace(DEPTH, name=name), empty=empty, scale=scale)


def _read_detection(line: Line, name: str, options: _Options) -> ManifestTask:
    line.check_keys(options, ("kind", "classes"), f"tasks.{name} field")
    classes = _read_classes(line, name, options, fewest=1)
    if IGNORED_BOX in classes:
        raise line.error(
            f"tasks.{name}.classes names {IGNORED_BOX!r}, which stands for regions without labels; "
            "leave it out"
        )
    channels = len(classes) + _BOX_CHANNELS
    return ManifestTask(spec=replace(DETECTION, name=name, classes=classes, channels=channels))


def _read_classification(line: Line, name: str, options: _Options) -> ManifestTask:
    line.check_keys(options, ("kind", "classes"), f"tasks.{name} field")
    classes = _read_classes(line, name, options, fewest=2)
    return ManifestTask(spec=replace(SCENE, name=name, classes=classes, channels=len(classes)))


def _read_tiles(line: Line, name: str, options: _Options) -> ManifestTask:
    line.check_keys(options, ("kind", "classes", "ignore"), f"tasks.{name} field")
    classes = _read_classes(line, name, options, fewest=2)
    spec = replace(SOILING_TILES, name=name, classes=classes, channels=len(classes))
    return ManifestTask(spec=spec, empty=_read_ignore(line, name, options, classes))


def _without_options(example: TaskSpec) -> Callable[[Line, str, _Options], ManifestTask]:
    def read(line: Line, name: str, options: _Options) -> ManifestTask:
        line.check_keys(options, ("kind",), f"tasks.{name} field")
        return ManifestTask(spec=replace(example, name=name))

    return read


_READERS: Mapping[str, Callable[[Line, str, _Options], ManifestTask]] = {
    "segmentation": _read_segmentation,
    "depth": _read_depth,
    "motion": _read_motion,
    "stixels": _without_options(STIXELS),
    "detection": _read_detection,
    "odometry": _without_options(ODOMETRY),
    "classification": _read_classification,
    "tiles": _read_tiles,
    "calibration": _without_options(CALIBRATION),
}


def _read_classes(line: Line, name: str, options: _Options, *, fewest: int) -> tuple[str, ...]:
    given = options.get("classes")
    valid = isinstance(given, list) and all(is_name(name) for name in given)
    if not isinstance(given, list) or not valid or not fewest <= len(given) < IGNORE:
        raise line.error(
            f"tasks.{name}.classes is {shown(given)}, give a list of {fewest} to {IGNORE - 1} names"
        )
    classes = tuple(str(c) for c in given)
    if len(set(classes)) < len(classes):
        raise line.error(f"tasks.{name}.classes names a class twice: {', '.join(classes)}")
    return classes


def _read_ignore(line: Line, name: str, options: _Options, classes: tuple[str, ...]) -> int:
    ignore = _read_integer(line, name, options, "ignore", IGNORE)
    if ignore < len(classes):
        raise line.error(
            f"tasks.{name}.ignore is {ignore}, which is also the class {classes[ignore]!r}; "
            f"give {len(classes)} or more"
        )
    return ignore


def _read_integer(line: Line, name: str, options: _Options, key: str, default: int) -> int:
    value = options.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise line.error(f"tasks.{name}.{key} is {shown(value)}, give an integer from 0")
    return value
