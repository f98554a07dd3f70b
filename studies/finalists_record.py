"""How trainings of finalists are kept on a study, each as it ends, and how they are read back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from studies.errors import StudyError
from studies.finalists import Conditions, Finalists, SeedRun
from studies.pareto import Direction
from studies.problem import RECIPE_VERSION, Problem
from studies.record import TrialRecord
from studies.store import StudyStore
from studies.stored import Stored

#: Names of the study's attributes begin so: one for the conditions, one for each network.
_PREFIX = "finalized"


def trial_title(number: int) -> str:
    """What a trial's network is called in messages and in the storage."""
    return f"trial {number}"


def baseline_title(task: str) -> str:
    """What a task's single-task network is called in messages and in the storage."""
    return f"single-task {task}"


def conditions_key(problem: Problem, begin: str, judged: Sequence[str]) -> str:
    """Digest of all that makes trainings comparable: those of another one are kept apart."""
    values = {
        "recipe": RECIPE_VERSION,
        "data": [source.fingerprint() for source in problem.sources],
        "judged": list(judged),
        "tasks": [repr(spec) for spec in problem.specs],
        "fidelity": repr(problem.config.fidelity),
        "pretrained": problem.identity.get("pretrained", []),
        "begin": begin,
    }
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]
    return f"{begin} {problem.config.fidelity.name} {digest}"


class FinalistRuns:
    """Trainings of one study under the same conditions, on the study itself.

    A study keeps those under other conditions too; the ones last written are what is shown.
    """

    def __init__(self, store: StudyStore, key: str) -> None:
        self._store = store
        self._key = key

    def find(self, title: str) -> dict[int, SeedRun]:
        """The trainings of a network so far, by seed."""
        return _runs(_stored(self._store), title, self._key)

    def add(self, title: str, run: SeedRun, conditions: Conditions) -> None:
        """Keep a training; what another process wrote meanwhile stays."""
        stored = _stored(self._store)
        by_key = dict(stored.get(_name(title), {}))
        runs = {**_runs(stored, title, self._key), run.seed: run}
        by_key[self._key] = [asdict(runs[seed]) for seed in sorted(runs)]
        self._store.set_attribute(_name(title), by_key)
        self._show(stored.get(_PREFIX, {}), conditions)

    def show(self) -> None:
        """Let trainings that are there already be the ones that are shown."""
        stored = _stored(self._store).get(_PREFIX, {})
        if self._key in stored.get("conditions", {}):
            self._store.set_attribute(_PREFIX, {**stored, "latest": self._key})

    def _show(self, stored: Mapping[str, Any], conditions: Conditions) -> None:
        known = {**stored.get("conditions", {}), self._key: asdict(conditions)}
        values = {"latest": self._key, "conditions": known}
        if values != stored:
            self._store.set_attribute(_PREFIX, values)


def read_finalists(
    store: StudyStore,
    *,
    trials: Sequence[TrialRecord],
    tasks: Sequence[str],
    objectives: Sequence[Mapping[str, str]],
    primary: Mapping[str, str],
    directions: Mapping[str, Direction],
) -> Finalists | None:
    """The finalists last written, None where no network was; raises ``StudyError``.

    ``tasks`` are those that have a single-task network.
    """
    stored = _stored(store)
    if _PREFIX not in stored:
        return None
    latest = Stored(stored[_PREFIX], _PREFIX)
    key = latest.entry("latest").line()
    conditions = _conditions(latest.entry("conditions").entry(key))
    by_trial = {t.number: _runs(stored, trial_title(t.number), key) for t in trials}
    by_task = {task: _runs(stored, baseline_title(task), key) for task in tasks}
    _check_judged(by_trial.values(), by_task, primary)
    finalists = [trial for trial in trials if by_trial[trial.number]]
    return Finalists(
        conditions=conditions,
        trials=tuple(sorted(finalists, key=lambda t: (t.macs, t.number))),
        runs={number: runs for number, runs in by_trial.items() if runs},
        baselines={task: runs for task, runs in by_task.items() if runs},
        objectives=tuple(
            (o["name"], "maximize" if o["direction"] == "maximize" else "minimize")
            for o in objectives
        ),
        primary=primary,
        directions=directions,
    )


def _stored(store: StudyStore) -> dict[str, Any]:
    return store.attributes(_PREFIX)


def _name(title: str) -> str:
    return f"{_PREFIX} {title}"


def _conditions(stored: Stored) -> Conditions:
    return Conditions(
        fidelity=stored.entry("fidelity").text(),
        samples=stored.entry("samples").count(),
        begin=stored.entry("begin").text(),
        judged_on=tuple(source.text() for source in stored.entry("judged_on").items()),
        constants=stored.entry("constants").metrics(),
    )


def _check_judged(
    trials: Iterable[Mapping[int, SeedRun]],
    baselines: Mapping[str, Mapping[int, SeedRun]],
    primary: Mapping[str, str],
) -> None:
    """All networks have the same metrics at every seed, their tasks' primary ones among them."""
    _check_alike([run for runs in trials for run in runs.values()], primary, "trials")
    for task, runs in baselines.items():
        _check_alike(list(runs.values()), primary, f"single-task {task}")
        if any(task not in run.metrics for run in runs.values()):
            raise _contradiction(f"single-task {task} was not judged on {task}")


def _check_alike(runs: Sequence[SeedRun], primary: Mapping[str, str], what: str) -> None:
    names = [{task: set(found) for task, found in run.metrics.items()} for run in runs]
    if any(other != names[0] for other in names):
        raise _contradiction(f"{what} have not the same metrics")
    for task, found in names[0].items() if names else ():
        if primary.get(task) not in found:
            raise _contradiction(f"{what} have not the primary metric of {task}")


def _contradiction(what: str) -> StudyError:
    return StudyError(
        f"the finalists contradict themselves, {what}: the study is damaged or of another version; "
        "use another --study"
    )


def _runs(stored: Mapping[str, Any], title: str, key: str) -> dict[int, SeedRun]:
    by_key = Stored(stored.get(_name(title), {}), "finalists").mapping()
    entries = Stored(by_key.get(key, ()), f"finalists of {title}").items()
    runs = [
        SeedRun(
            seed=entry.entry("seed").count(),
            metrics=entry.entry("metrics").metrics(),
            seconds=entry.entry("seconds").number(),
        )
        for entry in entries
    ]
    return {run.seed: run for run in runs}
