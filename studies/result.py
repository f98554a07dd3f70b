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
    settings = store.settings()
    missing = [name for name in _SETTINGS if name not in settings]
    if missing:
        raise StudyError(
            f"study {store.name} in {shown(store.url)} has no {', '.join(missing)}: it is damaged "
            "or of another version; use another --study"
        )
    baselines, trials = store.baselines(), tuple(store.records())
    return StudyResult(
        study=store.name,
        storage=store.url,
        objectives=_objectives(settings["objectives"]),
        budget=settings["budget"],
        fidelity=settings["fidelity"],
        primary=settings["primary"],
        directions=settings["directions"],
        constants=store.constants(),
        baselines=baselines,
        trials=trials,
        interrupted=interrupted,
        inherits=settings.get("shared_weights") == "inherit",
        finalists=read_finalists(
            store,
            trials=[trial for trial in trials if trial.status == "complete"],
            tasks=sorted(baselines),
            objectives=settings["objectives"],
            primary=settings["primary"],
            directions=settings["directions"],
        ),
    )


def _objectives(stored: Sequence[Mapping[str, str]]) -> tuple[Mapping[str, str], ...]:
    return tuple(dict(objective) for objective in stored)
