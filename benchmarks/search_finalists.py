"""Networks trained from scratch and judged on the test split: once each, whoever found them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nas.data.source import Split
from nas.evaluation import Metrics
from nas.memory import TrainingMemoryError
from nas.training import TrainingError
from search_spaces.architecture import Architecture
from studies.delta_m import delta_m
from studies.finalize import SEED_STEP
from studies.held_out import judging_workbench
from studies.problem import Problem
from studies.workbench import Workbench


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One training: metrics on the test split, None where it failed, and seconds."""

    metrics: Metrics | None
    seconds: float


class Finalists:
    """Trainings by architecture id and seed, kept as lines of JSON as they end.

    A network that several arms, checkpoints or studies found is trained once a seed. ``seeds`` of a
    study are as in ``neurall-search finalize``: the search's own is left out.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._judged: dict[tuple[str, int], Judged] = {}
        for line in file.read_text().splitlines() if file.is_file() else ():
            row = json.loads(line)
            judged = Judged(metrics=row["metrics"], seconds=row["seconds"])
            self._judged[row["architecture"], row["seed"]] = judged

    def train(self, problem: Problem, networks: Iterable[Architecture], seeds: int) -> None:
        """Train what is missing, of the single-task networks too, all of a seed together."""
        baselines = [problem.baseline(task) for task in problem.tasks]
        wanted = list(dict.fromkeys([*baselines, *networks]))
        for seed in finalist_seeds(problem, seeds):
            missing = [a for a in wanted if (a.id, seed) not in self._judged]
            if missing:
                self._train_missing(problem, missing, seed)

    def delta_m(self, problem: Problem, network: Architecture, seeds: int) -> list[float]:
        """Δm on the test split at each seed, empty where a training of the network failed."""
        found = []
        for seed in finalist_seeds(problem, seeds):
            judged, baselines = self._judged[network.id, seed], self._baselines(problem, seed)
            if judged.metrics is None:
                return []
            found.append(delta_m(judged.metrics, baselines, problem.tasks))
        return found

    def baselines(self, problem: Problem, seeds: int) -> list[Metrics]:
        """Metrics of the single-task networks at each seed."""
        return [self._baselines(problem, seed) for seed in finalist_seeds(problem, seeds)]

    @property
    def seconds(self) -> float:
        """What all trainings took together."""
        return sum(judged.seconds for judged in self._judged.values())

    def __len__(self) -> int:
        return len(self._judged)

    def _baselines(self, problem: Problem, seed: int) -> Metrics:
        metrics: Metrics = {}
        for task in problem.tasks:
            judged = self._judged[problem.baseline(task).id, seed]
            if judged.metrics is None:
                raise TrainingError(f"the single-task network of {task} failed at seed {seed}")
            metrics |= judged.metrics
        return metrics

    def _train_missing(self, problem: Problem, missing: Sequence[Architecture], seed: int) -> None:
        problem = replace(problem, config=replace(problem.config, seed=seed))
        judged: Mapping[str, Split] = {source.name: "test" for source in problem.sources}
        bench = judging_workbench(problem, judged)
        for position, network in enumerate(missing, start=1):
            result = _trained(bench, network)
            self._judged[network.id, seed] = result
            row = {"architecture": network.id, "seed": seed, **vars(result)}
            with self._file.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(
                f"finalist {position} of {len(missing)} at seed {seed}: {result.seconds:.1f} s",
                flush=True,
            )


def finalist_seeds(problem: Problem, seeds: int) -> list[int]:
    """Seeds of a study's finalists."""
    return [problem.config.seed + SEED_STEP * k for k in range(1, seeds + 1)]


def _trained(bench: Workbench, network: Architecture) -> Judged:
    try:
        bench.check_memory(network)
        trained = bench.train_candidate(network)
    except (TrainingError, TrainingMemoryError) as error:
        print(f"{network.id} failed: {error}", flush=True)
        return Judged(metrics=None, seconds=0.0)
    return Judged(metrics=trained.metrics, seconds=trained.seconds)
