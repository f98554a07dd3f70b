"""What a study holds: its front, its baselines and its counts, as values and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from studies.errors import StudyError
from studies.finalists import Finalists
from studies.finalists_record import read_finalists
from studies.pareto import Direction, front_indices
from studies.record import Baseline, TrialRecord
from studies.redaction import shown
from studies.store import StudyStore
from studies.stored import Stored

_SETTINGS = ("objectives", "budget", "fidelity", "primary", "directions")


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """A study as it stands.

    ``storage`` is its URL as it was given, so it may hold a password; what is printed or written
    does not. ``objectives`` are name, direction and unit of each; ``primary`` and ``directions``
    say which metric of a task counts, and which way is better; ``constants`` are the metrics of the
    best constant prediction by task; ``inherits`` says that candidates trained on from shared
    weights.
    ``finalists`` are networks that were trained anew over several seeds and judged on the test
    split, None where none was.
    """

    study: str
    storage: str = field(repr=False)
    objectives: tuple[Mapping[str, str], ...]
    budget: Mapping[str, Any]
    fidelity: str
    primary: Mapping[str, str]
    directions: Mapping[str, Direction]
    constants: Mapping[str, Mapping[str, float]]
    baselines: Mapping[str, Baseline]
    trials: tuple[TrialRecord, ...]
    interrupted: bool = False
    inherits: bool = False
    finalists: Finalists | None = None

    @property
    def complete(self) -> tuple[TrialRecord, ...]:
        """Trained candidates, in their order."""
        return tuple(trial for trial in self.trials if trial.status == "complete")

    @property
    def stopped(self) -> tuple[TrialRecord, ...]:
        """Candidates that were stopped early, in their order."""
        return tuple(trial for trial in self.trials if trial.status == "stopped")

    @property
    def front(self) -> tuple[TrialRecord, ...]:
        """Trained candidates that no other dominates, cheapest first."""
        directions: list[Direction] = [
            "maximize" if objective["direction"] == "maximize" else "minimize"
            for objective in self.objectives
        ]
        return front_of(self.trials, directions)

    @property
    def single_task_macs(self) -> int:
        """MACs of all single-task networks together."""
        return sum(baseline.macs for baseline in self.baselines.values())

    def counts(self) -> dict[str, int]:
        """Trials by what became of them."""
        statuses = [trial.status for trial in self.trials]
        return {
            "complete": statuses.count("complete"),
            "stopped_early": statuses.count("stopped"),
            "refused": statuses.count("refused"),
            "failed": statuses.count("failed"),
        }

    def to_json(self) -> dict[str, object]:
        """The document of ``search --json`` and ``front --json``."""
        return {
            "study": self.study,
            "storage": shown(self.storage),
            "objectives": [dict(objective) for objective in self.objectives],
            "budget": dict(self.budget),
            "trials": self.counts(),
            "baselines": [self.baselines[task].to_json() for task in sorted(self.baselines)],
            "front": [trial.to_json() for trial in self.front],
            **({"finalists": self.finalists.to_json()} if self.finalists else {}),
        }


def front_of(
    trials: Sequence[TrialRecord], directions: Sequence[Direction]
) -> tuple[TrialRecord, ...]:
    """Trained candidates that no other dominates, cheapest first."""
    complete = [trial for trial in trials if trial.status == "complete"]
    indices = front_indices([trial.values for trial in complete], directions)
    return tuple(sorted((complete[i] for i in indices), key=lambda t: (t.macs, t.number)))


def read_result(store: StudyStore, *, interrupted: bool = False) -> StudyResult:
    """Read a study from its storage; raises ``StudyError``."""
    values = store.settings()
    missing = [name for name in _SETTINGS if name not in values]
    if missing:
        raise StudyError(
            f"study {store.name} in {shown(store.url)} has no {', '.join(missing)}: it is damaged "
            "or of another version; use another --study"
        )
    settings = Stored(values, "settings")
    objectives = tuple(_objective(entry) for entry in settings.entry("objectives").items())
    primary = settings.entry("primary").words()
    directions = {t: _direction(d) for t, d in settings.entry("directions").entries().items()}
    baselines, trials = store.baselines(), tuple(store.records())
    _check_metrics(baselines, trials, primary, directions)
    _check_values(trials, len(objectives))
    return StudyResult(
        study=store.name,
        storage=store.url,
        objectives=objectives,
        budget=_budget(settings.entry("budget")),
        fidelity=settings.entry("fidelity").word(),
        primary=primary,
        directions=directions,
        constants=store.constants(),
        baselines=baselines,
        trials=trials,
        interrupted=interrupted,
        inherits=values.get("shared_weights") == "inherit",
        finalists=read_finalists(
            store,
            trials=[trial for trial in trials if trial.status == "complete"],
            tasks=sorted(baselines),
            objectives=objectives,
            primary=primary,
            directions=directions,
        ),
    )


def _objective(stored: Stored) -> dict[str, str]:
    found = {key: stored.entry(key, "").text() for key in ("name", "direction", "unit")}
    return {**found, "direction": _direction(stored.entry("direction"))}


def _direction(stored: Stored) -> Direction:
    if stored.value not in ("maximize", "minimize"):
        stored.refuse("maximize or minimize")
    return "maximize" if stored.value == "maximize" else "minimize"


def _budget(stored: Stored) -> Mapping[str, Any]:
    """As ``Budget.to_dict`` wrote it; what is read of it here is the bound on MACs."""
    limit = stored.entry("macs_per_frame")
    return {
        **stored.mapping(),
        "macs_per_frame": None if limit.value is None else limit.count(),
    }


def _check_metrics(
    baselines: Mapping[str, Baseline],
    trials: Sequence[TrialRecord],
    primary: Mapping[str, str],
    directions: Mapping[str, Direction],
) -> None:
    """Every task that was judged has its primary metric, and all networks the same tasks."""
    trained = [trial for trial in trials if trial.status in ("complete", "stopped")]
    judged: dict[str, Mapping[str, Mapping[str, float]]] = {
        f"single-task network {b.task}": {b.task: b.metrics} for b in baselines.values()
    }
    judged |= {f"trial {trial.number}": trial.metrics for trial in trained}
    for network, metrics in judged.items():
        for task, found in metrics.items():
            if task not in directions or primary.get(task) not in found:
                raise _contradiction(f"{network} has not the primary metric of {task}")
    if any(set(trial.metrics) != set(trained[0].metrics) for trial in trained):
        raise _contradiction("its networks were not judged on the same tasks")


def _check_values(trials: Sequence[TrialRecord], objectives: int) -> None:
    for trial in trials:
        if trial.architecture is None and trial.status in ("complete", "stopped"):
            raise _contradiction(f"trial {trial.number} was trained without an architecture")
        found = (trial.values, *(rung.values for rung in trial.rungs))
        if trial.status == "complete" and len(trial.values) != objectives:
            raise _contradiction(f"trial {trial.number} has {len(trial.values)} values")
        if any(len(values) != objectives for values in found if values):
            raise _contradiction(f"a rung of trial {trial.number} has another number of values")


def _contradiction(what: str) -> StudyError:
    return StudyError(
        f"the study contradicts itself, {what}: it is damaged or of another version; use another "
        "--study"
    )
