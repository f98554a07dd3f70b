"""Exports a trained trial with all that its study knows of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nas.resolution import Resolution
from nas.tasks.kinds import KINDS, make_task
from nas.tasks.task import Task
from studies.export import ExportReport, Progress, export
from studies.store import StudyStore
from studies.trial_network import budget_from, trial_network


def export_trial(
    store: StudyStore,
    number: int,
    out: Path,
    *,
    kinds: Mapping[str, type[Task]] = KINDS,
    resolution: Resolution | None = None,
    progress: Progress = lambda step: None,
) -> ExportReport:
    """Write the network of a trial to the folder ``out``, and check it as ``export`` does.

    ``kinds`` are those that the study was made with; ``resolution`` is by default that of the
    study's deployment. Raises ``StudyError``, of which ``ExportError`` is one.
    """
    record = store.record(number)
    network = trial_network(store, record)
    budget = budget_from(store.settings().get("budget"))
    return export(
        network,
        out,
        tasks={spec.name: make_task(spec, kinds) for spec in network.plan.architecture.tasks},
        resolution=resolution or budget.deployment.resolution,
        metrics=record.metrics,
        budget=budget,
        latency_ms=record.latency_ms,
        trial=record.number,
        study=store.name,
        progress=progress,
    )
