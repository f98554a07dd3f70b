"""What the search space knows of a task: its name, its kind and the shape of its output."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from search_spaces.spelling import LONGEST_NAME, is_name, one_line

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MOST_CHANNELS = 4096
#: The embedded world has 11. Trees, links and costs grow with the square of the number of tasks.
MOST_TASKS = 32
#: Of ``TaskSpec.output_stride``: a vector a frame, every pixel, or cells of so many pixels a side.
OUTPUT_STRIDES = (0, 1, 4, 8, 16, 32)


_TYPES = {"name": str, "kind": str, "channels": int, "positive": bool, "output_stride": int}

#: Kinds of task that only two frames together can tell.
TWO_FRAME_KINDS = frozenset({"motion", "odometry"})


class ArchitectureError(ValueError):
    """A description of a network that cannot be built; names the field and the repair."""


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """One head of a multi-task network.

    ``kind`` says which behaviour (loss, metric, label handling) the task has; two tasks of one
    kind may differ in name and classes. ``positive`` marks outputs that are positive physical
    quantities such as metres: the network then ends in an exponential. ``output_stride`` tells
    what is predicted: ``channels`` numbers for every pixel (1), for every cell of 4, 8, 16 or 32
    pixels a side, or one vector for the whole frame (0). Channels beyond the ``classes`` are no
    scores of classes (the sides of a box, say).
    """

    name: str
    kind: str
    channels: int
    classes: tuple[str, ...] = ()
    positive: bool = False
    output_stride: int = 1

    @property
    def dense(self) -> bool:
        """Whether the output is a map, as opposed to one vector a frame."""
        return self.output_stride > 0

    @property
    def compares_frames(self) -> bool:
        """Whether the task reads what differs between two frames, however others fuse them.

        A vector for the whole frame keeps nothing of where two concatenated maps differ.
        """
        return self.kind in TWO_FRAME_KINDS and not self.dense

    def __post_init__(self) -> None:
        self._check_types()
        if not _NAME.fullmatch(self.name) or len(self.name) > LONGEST_NAME:
            raise ArchitectureError(
                f"task name {one_line(self.name)!r}: use lower-case letters, digits and "
                f"underscores, beginning with a letter, at most {LONGEST_NAME}"
            )
        if not 1 <= self.channels <= _MOST_CHANNELS:
            raise ArchitectureError(
                f"task {self.name}: channels is {self.channels}, use 1 to {_MOST_CHANNELS}"
            )
        if len(self.classes) > self.channels:
            raise ArchitectureError(
                f"task {self.name}: {len(self.classes)} class names for {self.channels} channels, "
                "give at most a class a channel"
            )
        if self.output_stride not in OUTPUT_STRIDES:
            raise ArchitectureError(
                f"task {self.name}: output_stride is {self.output_stride}, use "
                f"{', '.join(map(str, OUTPUT_STRIDES))} (0: one vector a frame)"
            )

    def _check_types(self) -> None:
        """Values that compare equal but are written differently would have two ids."""
        if isinstance(self.classes, list):
            object.__setattr__(self, "classes", tuple(self.classes))
        wrong = [name for name, kind in _TYPES.items() if type(getattr(self, name)) is not kind]
        if wrong:
            name = wrong[0]
            raise ArchitectureError(
                f"task {self.name!r}: {name} is {getattr(self, name)!r}, "
                f"give a {self.__annotations__[name]}"
            )
        if not isinstance(self.classes, tuple) or {type(c) for c in self.classes} - {str}:
            raise ArchitectureError(
                f"task {self.name}: classes is {self.classes!r}, give a tuple of names"
            )
        if not self.kind:
            raise ArchitectureError(f"task {self.name}: kind is empty, name its behaviour")
        stranger = next((c for c in (self.kind, *self.classes) if not is_name(c)), None)
        if stranger is not None:
            raise ArchitectureError(
                f"task {self.name}: {one_line(stranger)!r} is no name of a kind or a class, "
                f"give 1 to {LONGEST_NAME} printable characters"
            )


def ordered_tasks(tasks: Iterable[TaskSpec]) -> tuple[TaskSpec, ...]:
    """The tasks sorted by name.

    Raises ``ArchitectureError`` if there is none, a name twice, or more than ``MOST_TASKS``.
    """
    ordered = tuple(sorted(tasks, key=lambda task: task.name))
    names = [task.name for task in ordered]
    if not names:
        raise ArchitectureError("tasks is empty, name at least one task")
    if len(names) > MOST_TASKS:
        raise ArchitectureError(f"tasks names {len(names)} tasks, use at most {MOST_TASKS}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ArchitectureError(f"tasks names {twice} twice, give each task its own name")
    return ordered
