"""Sharing depth: for every encoder stage, which tasks compute it together.

A sharing is a chain of partitions that only gets finer from the stem to the last stage, as in
the branched trees of BMTAS (arXiv 2008.10292). The handy encoding lets each task name an earlier
task as its parent and how many stages it shares with it; every choice is valid, and every
sharing has exactly one such description whose parents are the earliest possible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from search_spaces.encoder_spec import STAGES
from search_spaces.spelling import one_line
from search_spaces.task_spec import MOST_TASKS, ArchitectureError

Group = tuple[str, ...]
Partition = tuple[Group, ...]


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """One partition of the tasks per stage, stem first, in sorted order."""

    stages: tuple[Partition, ...]

    def __post_init__(self) -> None:
        _check_types(self.stages)
        ordered = tuple(
            tuple(sorted(tuple(sorted(group)) for group in partition)) for partition in self.stages
        )
        object.__setattr__(self, "stages", ordered)
        _check(ordered)

    @classmethod
    def from_parents(cls, tasks: Sequence[str], parents: Mapping[str, tuple[str, int]]) -> Sharing:
        """Build from ``{task: (earlier task, stages shared with it)}``; absent means none."""
        stranger = next((name for name in parents if name not in tasks), None)
        if stranger is not None:
            raise ArchitectureError(
                f"sharing: {stranger!r} has a parent but is no task, use {', '.join(tasks)}"
            )
        shared: dict[tuple[str, str], int] = {}
        for index, task in enumerate(tasks):
            parent, depth = parents.get(task, ("", 0))
            if depth and parent not in tasks[:index]:
                raise ArchitectureError(
                    f"sharing: the parent of {task} is {parent!r}, use a task before it"
                )
            if not 0 <= depth <= STAGES:
                raise ArchitectureError(f"sharing: {task} shares {depth} stages, use 0 to {STAGES}")
            for other in tasks[:index]:
                through = STAGES if other == parent else shared.get((parent, other), 0)
                shared[task, other] = shared[other, task] = min(depth, through) if depth else 0
        return cls(stages=tuple(_partition(tasks, shared, stage) for stage in range(STAGES)))

    @classmethod
    def independent(cls, tasks: Sequence[str]) -> Sharing:
        """Every task has an encoder of its own."""
        return cls.from_parents(tasks, {})

    @classmethod
    def shared(cls, tasks: Sequence[str], depth: int = STAGES) -> Sharing:
        """All tasks share the first ``depth`` stages and then part."""
        return cls.from_parents(tasks, dict.fromkeys(tasks[1:], (tasks[0], depth)))

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks, sorted."""
        return tuple(sorted(task for group in self.stages[0] for task in group))

    def group(self, task: str, stage: int) -> Group:
        """The tasks that compute a stage together with ``task``, itself included."""
        for group in self.stages[stage]:
            if task in group:
                return group
        raise KeyError(task)

    def depth_between(self, task: str, other: str) -> int:
        """Number of stages that two tasks share."""
        return sum(other in self.group(task, stage) for stage in range(STAGES))

    def depth(self, task: str) -> int:
        """Number of stages that a task shares with at least one other task."""
        return sum(len(self.group(task, stage)) > 1 for stage in range(STAGES))

    def parents(self, tasks: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Inverse of ``from_parents``: the earliest task that shares most, and how many stages."""
        parents: dict[str, tuple[str, int]] = {}
        for index, task in enumerate(tasks):
            depths = [(self.depth_between(task, other), other) for other in tasks[:index]]
            deepest = max((depth for depth, _ in depths), default=0)
            if deepest:
                parents[task] = next((other, d) for d, other in depths if d == deepest)
        return parents


@cache
def all_sharings(tasks: tuple[str, ...]) -> tuple[Sharing, ...]:
    """Every sharing of the tasks: 51 for three, 561 for four, 7,556 for five."""
    chains: set[Sharing] = {Sharing.independent(tasks[:1])}
    for index in range(1, len(tasks)):
        chains = {
            Sharing.from_parents(
                tasks[: index + 1],
                {**chain.parents(tasks[:index]), tasks[index]: (parent, depth)},
            )
            for chain in chains
            for parent in tasks[:index]
            for depth in range(STAGES + 1)
        }
    return tuple(sorted(chains, key=lambda sharing: sharing.stages))


def _partition(
    tasks: Sequence[str], shared: Mapping[tuple[str, str], int], stage: int
) -> Partition:
    groups: list[list[str]] = []
    for task in tasks:
        home = next((g for g in groups if shared[task, g[0]] > stage), None)
        if home is None:
            groups.append([task])
        else:
            home.append(task)
    return tuple(tuple(group) for group in groups)


def _check_types(stages: tuple[Partition, ...]) -> None:
    for group in (group for partition in stages for group in partition):
        if not isinstance(group, tuple | list) or not all(isinstance(name, str) for name in group):
            raise ArchitectureError(f"sharing: {group!r} is no group, give tuples of task names")


def _check(stages: tuple[Partition, ...]) -> None:
    if len(stages) != STAGES:
        raise ArchitectureError(
            f"sharing has {len(stages)} stages, give {STAGES} partitions, stem first"
        )
    tasks = sorted(task for group in stages[0] for task in group)
    if len(tasks) > MOST_TASKS:
        raise ArchitectureError(f"sharing[0] holds {len(tasks)} tasks, use at most {MOST_TASKS}")
    for stage, partition in enumerate(stages):
        members = sorted(task for group in partition for task in group)
        if members != tasks or len(set(members)) != len(members) or () in partition:
            raise ArchitectureError(
                f"sharing[{stage}] holds {one_line(', '.join(members)) or 'nothing'}, "
                f"name each of {', '.join(tasks)} exactly once"
            )
        coarser = stages[max(stage - 1, 0)]
        for group in partition:
            if not any(set(group) <= set(parent) for parent in coarser):
                raise ArchitectureError(
                    f"sharing[{stage}] joins {'+'.join(group)}, which had parted before: "
                    "tasks that left the shared encoder cannot come back"
                )
