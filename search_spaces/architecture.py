"""A multi-task network described by plain values: frozen, canonical, JSON in and out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import get_args

from search_spaces import architecture_json
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.encoder_spec import STAGE_STRIDES, STAGES, EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import FilterRatio
from search_spaces.json_document import JsonError, read_json
from search_spaces.loss_weights import WEIGHTINGS, LossWeight
from search_spaces.sharing import Sharing
from search_spaces.synergy import SynergyLink
from search_spaces.task_spec import ArchitectureError, TaskSpec, ordered_tasks
from search_spaces.vocabulary import Fusion, PrunedPart, Weighting

FUSIONS: tuple[Fusion, ...] = get_args(Fusion)
STREAMS = (1, 2)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """All that defines a network, and nothing that does not.

    An instance is always in canonical form: tasks, links, augmentations and ratios are sorted,
    and whatever could have no effect (a link from or to a task that is not there, augmentation of
    a stage that the task does not share, a fusion of one stream, fixed weights that are all 1, …)
    is dropped. So two descriptions of one network are equal and have one ``id``.

    Raises ``ArchitectureError`` naming the field and the repair.
    """

    tasks: tuple[TaskSpec, ...]
    sharing: Sharing
    encoder: EncoderSpec = field(default_factory=EncoderSpec)
    decoder: DecoderSpec = field(default_factory=DecoderSpec)
    streams: int = 1
    fusion: Fusion = "concat"
    links: tuple[SynergyLink, ...] = ()
    augmentations: tuple[Augmentation, ...] = ()
    pruning: tuple[FilterRatio, ...] = ()
    auxiliary: tuple[str, ...] = ()
    weighting: Weighting = "geometric"
    loss_weights: tuple[LossWeight, ...] = ()

    def __post_init__(self) -> None:
        self._check_words()
        self._set("tasks", ordered_tasks(self.tasks))
        self._check_tasks()
        if all(task.output_stride != 1 for task in self.tasks):
            self._set("decoder", replace(self.decoder, kind="fpn"))
        if self.streams == 1 or all(task.compares_frames for task in self.tasks):
            self._set("fusion", "concat")
        if len(self.tasks) == 1:
            self._set("weighting", "geometric")
        self._set("loss_weights", self._effective_loss_weights())
        if self.weighting == "fixed" and not self.loss_weights:
            self._set("weighting", "sum")
        self._set("auxiliary", tuple(sorted(set(self.auxiliary) & set(self.task_names))))
        self._set("links", self._effective_links())
        self._set("augmentations", self._effective_augmentations())
        self._set("pruning", self._effective_pruning())

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Computed once: what is known of architectures is kept by them."""
        return hash(tuple(getattr(self, field.name) for field in fields(self)))

    def __getstate__(self) -> dict[str, object]:
        """Without the hash, which is another one in another process."""
        return {name: value for name, value in self.__dict__.items() if name != "_hash"}

    # --- what others ask ----------------------------------------------------------------------

    @cached_property
    def task_names(self) -> tuple[str, ...]:
        """Names of all tasks, sorted."""
        return tuple(task.name for task in self.tasks)

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits that only an equal architecture has."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def task(self, name: str) -> TaskSpec:
        """The task of that name; raises ``KeyError``."""
        return {task.name: task for task in self.tasks}[name]

    def ratio(self, task: str, part: PrunedPart) -> float:
        """Share of filters that a task gives up of a part, 0 where none was named."""
        return next((p.ratio for p in self.pruning if (p.task, p.part) == (task, part)), 0.0)

    def augmented_channels(self, task: str, stage: int) -> int:
        """Private channels of a task at a shared stage, 0 where there are none."""
        return next(
            (a.channels for a in self.augmentations if (a.task, a.stage) == (task, stage)), 0
        )

    def loss_weight(self, task: str) -> float:
        """How often the loss of a task counts, 1 where nothing is fixed."""
        return next((w.weight for w in self.loss_weights if w.task == task), 1.0)

    @property
    def dense(self) -> Architecture:
        """The same network before pruning."""
        return replace(self, pruning=())

    def to_dict(self) -> dict[str, object]:
        """Plain values that ``json.dumps`` takes; ``from_dict`` gives back an equal instance."""
        return architecture_json.encode(self)

    @classmethod
    def from_dict(cls, values: object) -> Architecture:
        """Read what ``to_dict`` wrote; raises ``ArchitectureError`` naming the wrong field."""
        return architecture_json.decode(values, cls)

    def to_json(self) -> str:
        """The architecture as a readable JSON document."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """Read a JSON document; raises ``ArchitectureError``."""
        try:
            values = read_json(text, longest=architecture_json.LONGEST_DOCUMENT)
        except JsonError as error:
            raise ArchitectureError(f"not a JSON document: {error}") from None
        return cls.from_dict(values)

    # --- validation and canonical form --------------------------------------------------------

    def _check_words(self) -> None:
        if type(self.streams) is not int or self.streams not in STREAMS:
            raise ArchitectureError(
                f"streams is {self.streams!r}, use 1 (current frame) or 2 (with the previous one)"
            )
        if self.fusion not in FUSIONS:
            raise ArchitectureError(f"fusion is {self.fusion!r}, use {', '.join(FUSIONS)}")
        if self.weighting not in WEIGHTINGS:
            raise ArchitectureError(f"weighting is {self.weighting!r}, use {', '.join(WEIGHTINGS)}")

    def _check_tasks(self) -> None:
        names = self.task_names
        if self.sharing.tasks != names:
            raise ArchitectureError(
                f"sharing speaks of {', '.join(self.sharing.tasks)}, "
                f"the tasks are {', '.join(names)}"
            )
        if isinstance(self.auxiliary, str):
            raise ArchitectureError(
                f"auxiliary is {self.auxiliary!r}, give a tuple of names of tasks"
            )
        if set(names) <= set(self.auxiliary):
            raise ArchitectureError("auxiliary names every task, leave one that is an output")

    def _effective_links(self) -> tuple[SynergyLink, ...]:
        names = self.task_names
        links = {
            link
            for link in self.links
            if link.source in names and link.target in names and self._can_link(link)
        }
        _reject_contradiction(
            "links", {(link.source, link.target, link.level) for link in links}, len(links)
        )
        return tuple(sorted(links))

    def _can_link(self, link: SynergyLink) -> bool:
        """Whether both ends are dense and have a level there."""
        ends = (self.task(link.source), self.task(link.target))
        return all(t.dense and link.level in self.decoder.levels_of(t) for t in ends)

    def _effective_augmentations(self) -> tuple[Augmentation, ...]:
        given = {
            a
            for a in self.augmentations
            if a.task in self.task_names and len(self.sharing.group(a.task, a.stage)) > 1
        }
        _reject_contradiction("augmentations", {(a.task, a.stage) for a in given}, len(given))
        alive: set[Augmentation] = set()
        for a in sorted(given, key=lambda a: -a.stage):
            if a.channels and self._is_read(a, {(b.task, b.stage) for b in alive}):
                alive.add(a)
        return tuple(sorted(alive))

    def _is_read(self, a: Augmentation, alive: set[tuple[str, int]]) -> bool:
        levels = self.decoder.levels_of(self.task(a.task))
        decoded = a.stage > 0 and STAGE_STRIDES[a.stage] in levels
        branches = a.stage + 1 == self.sharing.depth(a.task) < STAGES
        return decoded or branches or (a.task, a.stage + 1) in alive

    def _effective_pruning(self) -> tuple[FilterRatio, ...]:
        given = {p for p in self.pruning if self._can_prune(p)}
        _reject_contradiction("pruning", {(p.task, p.part) for p in given}, len(given))
        return tuple(sorted(p for p in given if p.ratio))

    def _can_prune(self, p: FilterRatio) -> bool:
        if p.task not in self.task_names:
            return False
        if p.part == "decoder":
            return self.decoder.kind_of(self.task(p.task)) != "fcn8"
        depth = self.sharing.depth(p.task)
        return depth > 0 if p.part == "shared" else depth < STAGES

    def _effective_loss_weights(self) -> tuple[LossWeight, ...]:
        if self.weighting != "fixed":
            return ()
        given = {w for w in self.loss_weights if w.task in self.task_names}
        _reject_contradiction("loss_weights", {w.task for w in given}, len(given))
        return tuple(sorted(w for w in given if w.weight != 1.0))


def _reject_contradiction(field_name: str, places: set[object], count: int) -> None:
    if len(places) != count:
        raise ArchitectureError(
            f"{field_name} says two different things of one place, keep one of them"
        )
