"""A workbench that judges networks on frames which neither training nor search has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from nas.data.cache import CachedFrames, prepare
from nas.data.source import Split
from nas.evaluation import constant_metrics
from nas.tasks.task import Task
from studies.errors import StudyError
from studies.problem import Problem
from studies.workbench import DataProgress, Workbench, open_workbench


def judging_workbench(
    problem: Problem, judged: Mapping[str, Split], progress: DataProgress | None = None
) -> Workbench:
    """A workbench that trains as in the search, but judges on other splits.

    ``judged`` is the split of each source by its name; a source that is absent is trained on and
    not judged on. ``val`` of the workbench are those frames. Raises ``DataError``, and
    ``StudyError`` where some task has no label there.
    """
    bench = open_workbench(problem, progress)
    sets = _held_out(problem, judged, progress)
    _check_labelled(sets, problem.tasks)
    constants = constant_metrics(bench.statistics, sets, bench.tasks)
    return replace(bench, val=sets, constants=constants)


def _held_out(
    problem: Problem, judged: Mapping[str, Split], progress: DataProgress | None
) -> tuple[CachedFrames, ...]:
    return tuple(
        prepare(
            source,
            judged[source.name],
            problem.config.fidelity.resolution,
            tasks=problem.tasks,
            progress=progress and partial(progress, source.name, judged[source.name]),
        )
        for source in problem.sources
        if source.name in judged
    )


def _check_labelled(judged: Sequence[CachedFrames], tasks: Mapping[str, Task]) -> None:
    for name in tasks:
        sets = [cached for cached in judged if name in cached.labelled]
        if not any(cached.labelled[name].any() for cached in sets):
            where = ", ".join(f"{cached.source_name} {cached.split}" for cached in judged)
            raise StudyError(
                f"task {name}: no frame that networks would be judged on ({where}) has a label of "
                "it; give data whose test split is labelled"
            )
