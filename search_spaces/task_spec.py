"""What the search space knows of a task: its name, its kind and the shape of its output."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class ArchitectureError(ValueError):
    """A description of a network that cannot be built; names the field and the repair."""


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """One head of a multi-task network.

    ``kind`` says which behaviour (loss, metric, label handling) the task has; two tasks of one
    kind may differ in name and classes. ``positive`` marks outputs that are positive physical
    quantities such as metres: the network then ends in an exponential.
    """

    name: str
    kind: str
    channels: int
    classes: tuple[str, ...] = ()
    positive: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ArchitectureError(
                f"task name {self.name!r}: use lower-case letters, digits and underscores, "
                "beginning with a letter"
            )
        if self.channels < 1:
            raise ArchitectureError(f"task {self.name}: channels is {self.channels}, use 1 or more")
        if self.classes and len(self.classes) != self.channels:
            raise ArchitectureError(
                f"task {self.name}: {len(self.classes)} class names for {self.channels} channels, "
                "give one name a channel"
            )


def ordered_tasks(tasks: Iterable[TaskSpec]) -> tuple[TaskSpec, ...]:
    """The tasks sorted by name; raises ``ArchitectureError`` if there is none or a name twice."""
    ordered = tuple(sorted(tasks, key=lambda task: task.name))
    names = [task.name for task in ordered]
    if not names:
        raise ArchitectureError("tasks is empty, name at least one task")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ArchitectureError(f"tasks names {twice} twice, give each task its own name")
    return ordered
