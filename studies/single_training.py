"""Trains one network on its own, as a search would train it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from rich import box
from rich.table import Table

from nas.cost import Cost, cost_of
from nas.evaluation import Metrics
from nas.network import Network
from nas.quantity import written
from nas.tasks.task import Task
from search_spaces.architecture import Architecture
from studies.config import SearchConfig
from studies.errors import UsageError
from studies.figures import duration
from studies.observer import Observer
from studies.problem import Problem, problem_of
from studies.report import page
from studies.workbench import open_workbench


@dataclass(frozen=True, kw_only=True)
class SingleTraining:
    """A trained network, its validation metrics, and those of the best constant predictions."""

    network: Network
    architecture: Architecture
    tasks: Mapping[str, Task]
    metrics: Metrics
    constants: Metrics
    cost: Cost
    seconds: float

    def to_json(self) -> dict[str, object]:
        """The document of ``train --json``."""
        return {
            "architecture": self.architecture.to_dict(),
            "metrics": self.metrics,
            "constants": {task: self.constants[task] for task in self.metrics},
            "macs": self.cost.macs,
            "params": self.cost.params,
            "seconds": self.seconds,
        }

    def print(self) -> None:
        """Every metric beside the constant's, on standard output."""
        table = Table(box=box.SIMPLE_HEAD)
        for head in ("task", "metric"):
            table.add_column(head)
        for head in ("value", "best constant", "unit"):
            table.add_column(head, justify="right")
        for task, metrics in self.metrics.items():
            for metric in self.tasks[task].metrics:
                table.add_row(
                    task,
                    metric.name,
                    f"{metrics[metric.name]:.4f}",
                    f"{self.constants[task][metric.name]:.4f}",
                    metric.unit,
                )
        console = page()
        console.print(table)
        console.print(
            f"architecture {self.architecture.id}: {written('macs', self.cost.macs)} per frame, "
            f"{written('params', self.cost.params)}, trained in {duration(self.seconds)}",
            markup=False,
        )


def train_one(
    config: SearchConfig, architecture: Architecture, observer: Observer
) -> SingleTraining:
    """Train an architecture on the data of a search.

    Raises ``DataError``, ``UsageError`` where its tasks are not the data's, ``TrainingError`` and
    ``TrainingMemoryError``.
    """
    problem = problem_of(config)
    check_tasks(problem, architecture)
    for note in (*problem.notes, *_beginning_notes(config, architecture)):
        observer.message(note)
    bench = open_workbench(problem, observer.data)
    bench.check_memory(architecture)
    title = f"architecture {architecture.id}"
    observer.training_starts(title, architecture)
    try:
        trained = bench.train_candidate(architecture, partial(observer.training_step, title))
    finally:
        observer.training_ends(title)
    return SingleTraining(
        network=trained.network,
        architecture=architecture,
        tasks=problem.tasks,
        metrics=trained.metrics,
        constants=bench.constants,
        cost=cost_of(architecture, config.budget.deployment.resolution),
        seconds=trained.seconds,
    )


def _beginning_notes(config: SearchConfig, architecture: Architecture) -> tuple[str, ...]:
    """Says so where none of the weights given is of the network's encoder."""
    encoder = architecture.encoder
    if not config.pretrained or encoder in [p.encoder for p in config.pretrained]:
        return ()
    return (f"{encoder.depth} of width {encoder.width} of this network begins from scratch",)


def check_tasks(problem: Problem, architecture: Architecture) -> None:
    """Raise ``UsageError`` where the data does not label all of a network's tasks as it does."""
    if problem.specs == architecture.tasks:
        return
    wrong = [spec.name for spec in architecture.tasks if spec not in problem.specs]
    raise UsageError(
        f"architecture {architecture.id}: the data labels {', '.join(wrong)} with other classes"
    )
