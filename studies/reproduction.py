"""Trains the networks of the paper's tables over several seeds and judges them on held-out data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType

from nas.data.source import Split
from nas.data.spec import tasks_of
from nas.memory import TrainingMemoryError
from nas.tasks.task import Task
from nas.training import TrainingError
from search_spaces.architecture import Architecture
from search_spaces.paper_presets import PAPER_ENCODER
from search_spaces.task_spec import ArchitectureError
from studies.config import SearchConfig
from studies.errors import UsageError
from studies.figures import duration
from studies.held_out import judging_workbench
from studies.observer import Observer
from studies.pace import Pace
from studies.paper_tables import TABLES, TASK_KINDS, PaperTable
from studies.problem import RECIPE_VERSION, Problem, problem_of
from studies.reproduction_config import ReproductionConfig
from studies.reproduction_runs import Run, RunFile
from studies.workbench import Workbench


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came out, as far as it got.

    ``runs`` are by id of the architecture, one for each seed that was trained; ``networks`` by
    table and row. ``missing`` says by table and row why there is no network.
    """

    config: ReproductionConfig
    tables: tuple[PaperTable, ...]
    tasks: Mapping[str, Task]
    networks: Mapping[tuple[int, str], Architecture]
    missing: Mapping[tuple[int, str], str]
    runs: Mapping[str, tuple[Run, ...]]
    judged: Mapping[str, Split]
    failures: tuple[str, ...] = ()
    interrupted: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training that a reproduction needs."""

    name: str
    architecture: Architecture
    seed: int


class Reproduction:
    """One call of ``neurall-search reproduce tables``.

    Raises ``UsageError`` where the data labels nothing that a chosen table asks for, ``DataError``
    where it is broken, ``StudyError`` where the file of runs cannot be used.
    """

    def __init__(self, config: ReproductionConfig, observer: Observer) -> None:
        self.config = config
        self.observer = observer
        self.tables = tuple(TABLES[number] for number in dict.fromkeys(config.tables))
        self._specs = tasks_of(config.sources)
        self.missing: dict[tuple[int, str], str] = {}
        self.networks = dict(self._buildable())
        if not self.networks:
            raise UsageError(f"no network of the tables can be trained: {self._reasons()}")
        self.problem = self._problem(0)
        self.runs = RunFile(config.out)
        self.runs.check_writable()
        self._failures: list[str] = []
        self._pace = Pace()

    def run(self) -> Outcome:
        """Train what was not trained yet, seed by seed, so that every row soon has a number."""
        for note in self._notes():
            self.observer.message(note)
        interrupted = False
        try:
            self._train_all()
        except KeyboardInterrupt:
            interrupted = True
        return Outcome(
            config=self.config,
            tables=self.tables,
            tasks=self.problem.tasks,
            networks=MappingProxyType(self.networks),
            missing=MappingProxyType(self.missing),
            runs={a.id: self._known(a) for a in self.networks.values()},
            judged=self.judged,
            failures=tuple(self._failures),
            interrupted=interrupted,
        )

    @cached_property
    def judged(self) -> Mapping[str, Split]:
        """The split of each source that networks are judged on: test, or val where there is none.

        Neither is ever trained on.
        """
        return {
            source.name: "test" if source.length("test") else "val"
            for source in self.problem.sources
        }

    @cached_property
    def settings(self) -> str:
        """Digest of all that makes runs comparable."""
        values = {
            "recipe": RECIPE_VERSION,
            "data": [source.fingerprint() for source in self.problem.sources],
            "judged": dict(self.judged),
            "tasks": [repr(spec) for spec in self.problem.specs],
            "fidelity": repr(self.config.fidelity),
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    def jobs(self) -> list[Job]:
        """Every training, a network that stands in several rows once, all of a seed together."""
        names: dict[Architecture, str] = {}
        for (_, row), architecture in self.networks.items():
            names.setdefault(architecture, row)
        return [
            Job(name=name, architecture=architecture, seed=seed)
            for seed in range(self.config.seeds)
            for architecture, name in names.items()
        ]

    # --- what is trained ----------------------------------------------------------------------

    def _buildable(self) -> Iterator[tuple[tuple[int, str], Architecture]]:
        encoder = self.config.used_encoder
        for table in self.tables:
            for row in table.rows:
                try:
                    yield (table.number, row.name), row.architecture(self._specs, encoder)
                except ArchitectureError as error:
                    self.missing[table.number, row.name] = str(error)

    def _reasons(self) -> str:
        return next(iter(self.missing.values()))

    def _problem(self, seed: int) -> Problem:
        """The same data and tasks for every seed, and whichever tables are chosen.

        Which samples a training sees depends on the tasks, so they may not depend on the tables.
        """
        ordered = sorted(self._specs, key=lambda spec: spec.name, reverse=True)
        first = {spec.kind: spec.name for spec in ordered if spec.kind in TASK_KINDS}
        return problem_of(
            SearchConfig(
                sources=self.config.sources,
                tasks=tuple(first.values()),
                kinds=self.config.kinds,
                fidelity=self.config.fidelity,
                seed=seed,
                device=self.config.device,
            )
        )

    def _notes(self) -> Iterator[str]:
        encoder = self.config.used_encoder
        if encoder != PAPER_ENCODER:
            yield (
                f"encoder {encoder.depth} of width {encoder.width} in place of the paper's "
                f"{PAPER_ENCODER.depth} of width {PAPER_ENCODER.width}"
            )
        for name, split in self.judged.items():
            yield f"{name}: judged on the split {split}, which is never trained on"
        two_frames = any(a.streams == 2 for a in self.networks.values())
        for source in self.problem.sources:
            if two_frames and not source.has_previous:
                yield f"{source.name} has no previous frames: the current frame stands in for them"
        for (number, row), why in self.missing.items():
            yield f"table {number}, {row}: left out, {why}"

    # --- training -----------------------------------------------------------------------------

    def _train_all(self) -> None:
        jobs = self.jobs()
        done = sum(self._found(job) is not None for job in jobs)
        self.observer.message(self._plan(jobs, done))
        self._progress(done, len(jobs))
        bench: Workbench | None = None
        for job in jobs:
            if self._found(job) is not None:
                continue
            if bench is None or bench.seed != job.seed:
                bench = self._bench(job.seed)
            run = self._train(bench, job)
            self._progress(done := done + (run is not None), len(jobs))
            if run is not None:
                self.observer.message(f"{self._told(run)} [{self._pace.summary()}]")

    def _plan(self, jobs: Sequence[Job], done: int) -> str:
        fidelity = self.config.fidelity
        networks = len({job.architecture for job in jobs})
        return (
            f"{len(jobs)} trainings on {fidelity.samples} samples at {fidelity.resolution}, of "
            f"networks: {networks}, seeds: {self.config.seeds}; {done} of them are in "
            f"{self.config.out}"
        )

    def _progress(self, done: int, trainings: int) -> None:
        self._pace.progress(done, trainings)
        self.observer.progress(done, trainings)

    def _told(self, run: Run) -> str:
        values = ", ".join(
            f"{task} {metrics[self.problem.tasks[task].primary.name]:.3f}"
            for task, metrics in run.metrics.items()
        )
        return f"{run.network}, seed {run.seed}: {values} ({duration(run.seconds)})"

    def _bench(self, seed: int) -> Workbench:
        return judging_workbench(self._problem(seed), self.judged, self.observer.data)

    def _train(self, bench: Workbench, job: Job) -> Run | None:
        """Train and keep a network; None where that failed, which fails no other."""
        title = f"{job.name}, seed {job.seed}"
        self._pace.training_starts(title)
        self.observer.training_starts(title, job.architecture)
        try:
            bench.check_memory(job.architecture)
            trained = bench.train_candidate(
                job.architecture, partial(self.observer.training_step, title)
            )
        except (TrainingError, TrainingMemoryError) as error:
            self._failures.append(f"{title}: {error}")
            self.observer.message(self._failures[-1])
            return None
        finally:
            self._pace.training_ends(title)
            self.observer.training_ends(title)
        run = Run(
            settings=self.settings,
            architecture=job.architecture.id,
            network=job.name,
            seed=job.seed,
            metrics=trained.metrics,
            constants={task: bench.constants[task] for task in trained.metrics},
            seconds=trained.seconds,
        )
        self.runs.add(run)
        return run

    def _found(self, job: Job) -> Run | None:
        return self.runs.find(self.settings, job.architecture.id, job.seed)

    def _known(self, architecture: Architecture) -> tuple[Run, ...]:
        found = (
            self.runs.find(self.settings, architecture.id, seed)
            for seed in range(self.config.seeds)
        )
        return tuple(run for run in found if run is not None)
