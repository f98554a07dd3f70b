"""What a search is about: its tasks, its space, and where it begins; no data decoded yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from nas.data.source import DataError, DataSource
from nas.data.spec import default_tasks_of, tasks_of
from nas.tasks.kinds import make_task
from nas.tasks.task import Task
from search_spaces.architecture import Architecture
from search_spaces.presets import shared, single_task
from search_spaces.space import SearchSpace
from search_spaces.spelling import unknown
from search_spaces.task_spec import TaskSpec
from studies.config import SearchConfig
from studies.errors import UsageError
from studies.objectives import Objective, objectives_named

#: Changes whenever trials of before and after would not be comparable.
RECIPE_VERSION = 3


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A validated search: the sources that matter, tasks in sorted order, space, objectives."""

    config: SearchConfig
    sources: tuple[DataSource, ...]
    tasks: Mapping[str, Task]
    space: SearchSpace
    objectives: tuple[Objective, ...]

    @cached_property
    def reference(self) -> Architecture:
        """The ``shared`` preset, or what comes nearest to it in a narrowed space."""
        return self.space.nearest(shared(self.specs))

    @property
    def specs(self) -> tuple[TaskSpec, ...]:
        """Specs of the tasks, sorted by name."""
        return tuple(task.spec for task in self.tasks.values())

    def baseline(self, task: str) -> Architecture:
        """The single-task network of a task, on the study's reference encoder."""
        streams = self.reference.streams
        like = shared(self.specs)
        network = single_task(self.tasks[task].spec, like)
        return network if network.streams == streams else _with_streams(network, streams)

    @cached_property
    def name(self) -> str:
        """The study's name: readable, and another one where trials would not compare."""
        if self.config.study:
            return self.config.study
        config = self.config
        bounds = "+".join(bound.given.replace(" ", "") for bound in config.budget.bounds)
        words = ["+".join(self.tasks), bounds or "unbounded", config.fidelity.name]
        return "-".join([*words, f"seed{config.seed}", self._digest])

    @property
    def _digest(self) -> str:
        text = json.dumps(self.identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @cached_property
    def identity(self) -> dict[str, object]:
        """All that makes trials comparable, as plain values."""
        config = self.config
        return {
            "recipe": RECIPE_VERSION,
            "data": [source.fingerprint() for source in self.sources],  # they take turns in order
            "tasks": [repr(spec) for spec in self.specs],
            "space": self.space.fingerprint,
            "budget": config.budget.to_dict(),
            "objectives": [objective.name for objective in self.objectives],
            "fidelity": repr(config.fidelity),
            "sampler": config.sampler,
            "shared_weights": config.shared_weights,
            "reduction": config.reduction if config.early_stopping else None,
            "seed": config.seed,
            **({"rounds of": config.workers or 1} if config.deterministic else {}),
            **self._beginnings,
        }

    @property
    def _beginnings(self) -> dict[str, object]:
        """The weights that encoders begin with; nothing where all begin from scratch."""
        files = sorted(f"{p} {p.digest}" for p in self.config.pretrained)
        return {"pretrained": files} if files else {}

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the data and of weights given before they are used."""
        return (*self._pretrained_notes(), *self._data_notes())

    def _pretrained_notes(self) -> tuple[str, ...]:
        if not self.config.pretrained:
            return ()
        given = " and ".join(map(str, self.config.pretrained))
        return (f"encoders {given} begin with the weights given, all others from scratch",)

    def _data_notes(self) -> tuple[str, ...]:
        if self.reference.streams == 1:
            return self._motion_notes()
        return tuple(
            f"{source.name} has no previous frames: the current frame stands in for them"
            for source in self.sources
            if not source.has_previous
        )

    def _motion_notes(self) -> tuple[str, ...]:
        if any(source.has_previous for source in self.sources):
            return ()
        return tuple(
            f"no data has previous frames: {spec.name} is learned from single frames"
            for spec in self.specs
            if spec.kind == "motion"
        )


def problem_of(config: SearchConfig) -> Problem:
    """Check a search and work out what it is about.

    Raises ``DataError``, ``ArchitectureError`` or ``StudyError`` for what does not fit together.
    """
    specs = _chosen(config.sources, config.tasks)
    names = {spec.name for spec in specs}
    tasks = {spec.name: make_task(spec, config.kinds) for spec in specs}
    sources = tuple(s for s in config.sources if names & {spec.name for spec in s.tasks})
    _check_splits(sources, names)
    has_previous = any(source.has_previous for source in sources)
    space = SearchSpace.for_tasks(specs, has_previous=has_previous).fix(config.fix)
    return Problem(
        config=config,
        sources=sources,
        tasks=tasks,
        space=space,
        objectives=objectives_named(config.objectives, tasks),
    )


def _chosen(sources: Sequence[DataSource], names: Sequence[str]) -> tuple[TaskSpec, ...]:
    known = {spec.name: spec for spec in tasks_of(sources)}
    for name in names:
        if name not in known:
            raise UsageError(
                f"tasks: {unknown('task', name, sorted(known))}: the data labels these"
            )
    if len(set(names)) < len(names):
        raise UsageError(f"tasks {','.join(names)!r}: name each task once")
    wanted = names or [spec.name for spec in default_tasks_of(sources)]
    return tuple(known[name] for name in sorted(wanted))


def _check_splits(sources: Sequence[DataSource], names: set[str]) -> None:
    for source in sources:
        for split in ("train", "val"):
            if not source.length(split):
                raise DataError(f"{source.name}: the split {split} has no frames")


def _with_streams(network: Architecture, streams: int) -> Architecture:
    return replace(network, streams=streams)
