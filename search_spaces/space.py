"""The space that a study searches: allowed choices per axis, and what can be done with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Any

from search_spaces import parameters, space_size
from search_spaces.architecture import FUSIONS, Architecture
from search_spaces.axes import AXES, LINK_LEVELS, NONE, Choice, read_assignment
from search_spaces.choosing import Ask, Change, Dice, Nearest, Replay, Suggester
from search_spaces.decoder_spec import DECODERS
from search_spaces.loss_weights import DEFAULT_WEIGHTINGS
from search_spaces.synergy import OPERATIONS
from search_spaces.task_spec import TWO_FRAME_KINDS, ArchitectureError, TaskSpec, ordered_tasks
from search_spaces.vocabulary import DecoderKind, Fusion, Weighting

#: Changes whenever the same choices would mean other architectures or other parameters.
SPACE_VERSION = 1
_MOST_MUTATIONS = 1000


class MutationError(ArchitectureError):
    """No other architecture was found beside a given one."""


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """All architectures of some tasks whose values are among the choices of each axis.

    Fields hold the allowed choices, kept in the axis's own order. ``shared_stages`` empty means
    any sharing tree; else all tasks share that many stages and then part. ``links`` are the
    operations of the at most one link into each task, ``none`` if there may be no link.
    ``augmentations`` are channels, on the last ``augmented_stages`` shared stages of a task.

    Raises ``ArchitectureError`` naming the field and what it may hold.
    """

    tasks: tuple[TaskSpec, ...]
    encoders: tuple[str, ...] = (
        "resnet10",
        "resnet18",
        "resnet34",
        "resnet50",
        "efficientnet_lite0",
    )
    widths: tuple[int, ...] = (16, 24, 32, 48, 64)
    decoders: tuple[DecoderKind, ...] = DECODERS
    decoder_widths: tuple[int, ...] = (32, 64)
    streams: tuple[int, ...] = (1,)
    fusions: tuple[Fusion, ...] = FUSIONS
    shared_stages: tuple[int, ...] = ()
    links: tuple[str, ...] = (NONE, *OPERATIONS)
    link_levels: tuple[int, ...] = LINK_LEVELS
    augmentations: tuple[int, ...] = (0, 8, 16, 32)
    augmented_stages: tuple[int, ...] = (1, 2, 3)
    pruning: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75)
    weightings: tuple[Weighting, ...] = DEFAULT_WEIGHTINGS

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", ordered_tasks(self.tasks))
        if NONE in self.task_names:
            raise ArchitectureError(f"tasks: {NONE!r} means no link, give the task another name")
        for axis in AXES.values():
            choices: tuple[Choice, ...] = getattr(self, axis.field_name)
            if choices or axis.field_name != "shared_stages":
                object.__setattr__(self, axis.field_name, axis.ordered(choices))

    @classmethod
    def for_tasks(cls, tasks: Sequence[TaskSpec], *, has_previous: bool = True) -> SearchSpace:
        """The default space: two streams if a task needs motion and frames have a previous one."""
        return cls(tasks=tuple(tasks), streams=(default_streams(tasks) if has_previous else 1,))

    @property
    def task_names(self) -> tuple[str, ...]:
        """Names of all tasks, sorted."""
        return tuple(task.name for task in self.tasks)

    def link_sources(self, target: str) -> tuple[str, ...]:
        """Where a link into a task may come from, ``none`` first if there may be none."""
        linkable = tuple(task.name for task in self.tasks if self._has_link_levels(task))
        others = tuple(name for name in linkable if name != target)
        if self.links == (NONE,) or target not in linkable or not others:
            return (NONE,)
        return ((NONE,) if NONE in self.links else ()) + others

    def _has_link_levels(self, task: TaskSpec) -> bool:
        """Whether a task's decoder has every level that links may be at."""
        return task.dense and task.output_stride <= min(self.link_levels)

    @property
    def fuses_frames(self) -> bool:
        """Whether some task has a choice of how two frames become one."""
        return not all(task.compares_frames for task in self.tasks)

    @property
    def predicts_pixels(self) -> bool:
        """Whether a task has a choice of decoders."""
        return any(task.output_stride == 1 for task in self.tasks)

    @property
    def fingerprint(self) -> str:
        """``version-digest``: differs between spaces whose trials are not comparable."""
        text = json.dumps([_plain(getattr(self, f.name)) for f in fields(self)])
        return f"{SPACE_VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    # --- architectures of the space -----------------------------------------------------------

    def suggest(self, suggester: Suggester) -> Architecture:
        """The architecture that a suggester chooses, parameter by parameter."""
        return parameters.build(self, Ask(suggester=suggester))

    def choices(self) -> dict[str, tuple[Choice, ...]]:
        """All parameters that ``suggest`` may ask for, with their choices."""
        return parameters.choices(self)

    def architecture(self, chosen: Mapping[str, object]) -> Architecture:
        """The architecture that parameters stand for; the inverse of ``parameters``.

        A parameter that has an effect and is not named has its first choice. Raises
        ``ArchitectureError`` naming the parameter that is outside.
        """
        return parameters.build(self, Replay(wanted=dict(chosen)))

    def sample(self, rng: Random) -> Architecture:
        """A random architecture; how devices are kept from piling up is told in ``Dice``."""
        return parameters.build(self, Dice(rng=rng))

    def mutate(self, architecture: Architecture, rng: Random) -> Architecture:
        """Another architecture of the space that differs in one or two parameters.

        Parameters that only now have an effect are drawn as in ``sample``. Raises
        ``MutationError`` where there is no other one, ``ArchitectureError`` where the given one
        is outside.
        """
        known = self.parameters(architecture)
        for _ in range(_MOST_MUTATIONS if known else 0):
            names = rng.sample(list(known), min(len(known), rng.choice((1, 2))))
            change = Change(known=known, changed=frozenset(names), dice=Dice(rng=rng))
            mutant = parameters.build(self, change)
            if mutant != architecture:
                return mutant
        raise MutationError(
            f"no architecture but {architecture.id} was found in a space of {self.size()}, "
            "fix fewer axes"
        )

    def parameters(self, architecture: Architecture) -> dict[str, Choice]:
        """The parameters that make ``suggest`` give this architecture, each with an effect.

        Raises ``ArchitectureError`` naming the axis that is outside.
        """
        self._check_tasks(architecture)
        replay = Replay(wanted=parameters.wanted(self, architecture))
        built = parameters.build(self, replay)
        for f in fields(Architecture):
            if getattr(built, f.name) != getattr(architecture, f.name):
                raise ArchitectureError(
                    f"{f.name} of architecture {architecture.id} is outside of this space: "
                    f"{_LIMITS.get(f.name, 'it has other choices')}"
                )
        return replay.chosen

    def nearest(self, architecture: Architecture) -> Architecture:
        """The architecture of the space that keeps all that it can of another one.

        Where an axis does not hold a value, the nearest number or the first word stands in.
        """
        self._check_tasks(architecture)
        return parameters.build(self, Nearest(wanted=parameters.wanted(self, architecture)))

    def __contains__(self, architecture: object) -> bool:
        if not isinstance(architecture, Architecture):
            return False
        try:
            self.parameters(architecture)
        except ArchitectureError:
            return False
        return True

    def size(self) -> int:
        """Exact number of different architectures."""
        return space_size.size(self)

    def fix(self, assignments: Mapping[str, str]) -> SearchSpace:
        """The space with axes narrowed, as ``{"encoder": "resnet18", "width": "32,48"}``.

        Values may be any that an architecture allows, also ones that this space does not hold.
        Raises ``ArchitectureError`` with what is allowed.
        """
        changes: dict[str, Any] = {}
        for name, text in assignments.items():
            field_name, choices = read_assignment(name, text)
            changes[field_name] = choices
        return replace(self, **changes)

    def _check_tasks(self, architecture: Architecture) -> None:
        if architecture.tasks != self.tasks:
            raise ArchitectureError(
                f"tasks of architecture {architecture.id} are {', '.join(architecture.task_names)}"
                f" and differ from the space's {', '.join(self.task_names)} in name, kind, "
                "channels or classes: make a space for them"
            )


def default_streams(tasks: Sequence[TaskSpec]) -> int:
    """Two frames where a task needs them, else one."""
    return 2 if any(task.kind in TWO_FRAME_KINDS for task in tasks) else 1


_LIMITS = {
    "sharing": "all tasks must share the same number of stages",
    "links": "it has at most one link into a task",
    "augmentations": "a task has the same channels at each of its last shared stages",
    "auxiliary": "every task is an output",
}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return repr(value) if isinstance(value, TaskSpec) else value
