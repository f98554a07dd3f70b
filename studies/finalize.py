"""Trains the networks of a study's front anew over several seeds and judges them on the test split.

Beside them the single-task networks, with the same recipe, samples and seeds: what a search
reports was chosen on validation data among many, so its own numbers are too good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from nas.data.source import Split
from nas.elastic.weights import ElasticWeights
from nas.memory import TrainingMemoryError
from nas.network import Network
from nas.training import TrainingError
from search_spaces.architecture import Architecture
from studies.config import SearchConfig
from studies.course import inherited
from studies.errors import StudyError, UsageError
from studies.estimate import estimate_trainings
from studies.figures import duration
from studies.finalists import Conditions, Finalists, SeedRun
from studies.finalists_record import (
    FinalistRuns,
    baseline_title,
    conditions_key,
    trial_title,
)
from studies.held_out import judging_workbench
from studies.made_from import data_changed
from studies.note import finalist_note
from studies.observer import Observer
from studies.pace import Pace
from studies.problem import problem_of
from studies.record import TrialRecord
from studies.redaction import shown
from studies.result import StudyResult, read_result
from studies.shared_weights import load_weights
from studies.single_training import check_tasks
from studies.store import StudyStore
from studies.workbench import Workbench

#: Seeds lie so far apart, from the study's own on, which is left out: the search used it.
SEED_STEP = 1000
_SEEDS = 2**31
_MOST_SEEDS = 100
DEFAULT_SEEDS = 3


@dataclass(frozen=True, kw_only=True)
class FinalizeConfig:
    """Which networks, and how often each is trained.

    ``trials`` are their numbers, by default the front. With ``inherit`` they begin with the weights
    that the study's candidates share, if it has any, and single-task networks from scratch;
    trainings of either kind are kept apart.
    """

    seeds: int = DEFAULT_SEEDS
    trials: tuple[int, ...] = ()
    inherit: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.seeds <= _MOST_SEEDS:
            raise UsageError(f"seeds is {self.seeds}, use 1 to {_MOST_SEEDS}")

    @property
    def begin(self) -> str:
        """What trainings begin with."""
        return "inherited weights" if self.inherit else "scratch"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training; ``trial`` is None for a single-task network."""

    title: str
    architecture: Architecture
    seed: int
    trial: int | None = None


@dataclass(frozen=True, kw_only=True)
class Finalized:
    """The study as it stands after it was finalized, and the trainings that failed."""

    result: StudyResult
    failures: tuple[str, ...] = ()
    interrupted: bool = False

    def to_json(self) -> dict[str, object]:
        """The document of ``finalize --json``."""
        finalists = self.result.finalists
        return {
            "study": self.result.study,
            "storage": shown(self.result.storage),
            "finalists": finalists.to_json() if finalists else None,
            "failures": list(self.failures),
            "interrupted": self.interrupted,
        }


def finalize(
    store: StudyStore,
    config: SearchConfig,
    options: FinalizeConfig | None = None,
    observer: Observer | None = None,
) -> Finalized:
    """Train what was not trained yet, and return the study with its finalists.

    ``config`` is the search's, of which data, fidelity, seed, device and weights to begin with are
    used; tasks are the study's. Every training is kept as it ends, so that a call that was
    interrupted goes on. Raises ``DataError``, ``UsageError`` and ``StudyError`` for what the user
    can mend.
    """
    return Finalization(store, config, options or FinalizeConfig(), observer or Observer()).run()


class Finalization:
    """One call of ``neurall-search finalize``."""

    def __init__(
        self,
        store: StudyStore,
        config: SearchConfig,
        options: FinalizeConfig,
        observer: Observer,
    ) -> None:
        self.store = store
        self.options = options
        self.observer = observer
        self.before = read_result(store)
        if options.inherit and not store.has_shared_weights():
            raise StudyError(
                f"study {store.name} has no shared weights to inherit; use --from scratch"
            )
        self.problem = problem_of(replace(config, tasks=tuple(self.before.primary)))
        self.trials = tuple(self._chosen())
        for record in self.trials:
            assert record.architecture is not None
            check_tasks(self.problem, record.architecture)
        self.key = conditions_key(self.problem, options.begin, tuple(self.judged))
        self.runs = FinalistRuns(store, self.key)
        self._failures: list[str] = []
        self._weights: ElasticWeights | None = None
        self._pace = Pace()

    def run(self) -> Finalized:
        """Train seed by seed, the single-task networks first, so that Δm is soon known."""
        for note in self._notes():
            self.observer.message(note)
        interrupted = False
        try:
            self._train_all()
        except KeyboardInterrupt:
            interrupted = True
        result = read_result(self.store)
        if result.finalists is not None:
            self._annotate(result.finalists)
        return Finalized(result=result, failures=tuple(self._failures), interrupted=interrupted)

    @cached_property
    def judged(self) -> dict[str, Split]:
        """The split test of every source that has one; raises ``StudyError`` where a task lacks."""
        found: dict[str, Split] = {s.name: "test" for s in self.problem.sources if s.length("test")}
        for task in self.problem.tasks:
            owners = [s.name for s in self.problem.sources if task in {t.name for t in s.tasks}]
            if not any(name in found for name in owners):
                raise StudyError(
                    f"task {task}: {' and '.join(owners)} has no frames in the split test, so "
                    "nothing is left that the search never saw; add a test split (docs/data.md "
                    "says how) and name the data again with --data"
                )
        return found

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """Every training, all of a seed together."""
        first = self.problem.config.seed
        seeds = [(first + SEED_STEP * k) % _SEEDS for k in range(1, self.options.seeds + 1)]
        return tuple(job for seed in seeds for job in self._jobs_of(seed))

    # --- what is trained ----------------------------------------------------------------------

    def _chosen(self) -> Iterator[TrialRecord]:
        if not self.options.trials:
            if not self.before.front:
                raise StudyError(
                    f"study {self.store.name} has no front yet, no candidate of it was trained: "
                    "go on with neurall-search search"
                )
            yield from self.before.front
        for number in dict.fromkeys(self.options.trials):
            record = self.store.record(number)
            if record.status != "complete":
                why = f": {record.reason}" if record.reason else ""
                raise StudyError(
                    f"trial {number} cannot be a finalist, it is {record.status}{why}; name one "
                    "that was trained to its end"
                )
            yield record

    def _jobs_of(self, seed: int) -> Iterator[Job]:
        for task, baseline in sorted(self.before.baselines.items()):
            yield Job(title=baseline_title(task), architecture=baseline.architecture, seed=seed)
        for record in self.trials:
            assert record.architecture is not None
            yield Job(
                title=trial_title(record.number),
                architecture=record.architecture,
                seed=seed,
                trial=record.number,
            )

    def _notes(self) -> Iterator[str]:
        if data_changed(self.store, self.problem):
            yield (
                f"the data is not what study {self.store.name} was searched with, by path, size "
                "and time of its files: its test split must be frames that the search never saw"
            )
        for source in self.problem.sources:
            if source.name not in self.judged:
                yield f"{source.name} has no test split: networks are judged on the other data"
        yield from self.problem.notes

    # --- training -----------------------------------------------------------------------------

    def _train_all(self) -> None:
        left = [job for job in self.jobs if job.seed not in self.runs.find(job.title)]
        self.observer.message(self._plan(left))
        self._progress(len(self.jobs) - len(left))
        self.runs.show()
        bench: Workbench | None = None
        for position, job in enumerate(left, start=len(self.jobs) - len(left) + 1):
            if bench is None or bench.seed != job.seed:
                bench = self._bench(job.seed)
            run = self._train(bench, job)
            self._progress(position)
            if run is not None:
                self.observer.message(f"{self._told(job, run)} [{self._pace.summary()}]")

    def _plan(self, left: Sequence[Job]) -> str:
        fidelity = self.problem.config.fidelity
        seeds = ", ".join(str(seed) for seed in dict.fromkeys(job.seed for job in self.jobs))
        done = len(self.jobs) - len(left)
        plan = (
            f"{len(self.jobs)} trainings on {fidelity.samples} samples at {fidelity.resolution}: "
            f"{len(self.trials)} networks of the study and {len(self.before.baselines)} "
            f"single-task networks, each from {self.options.begin}, seeds {seeds}"
        )
        if not left:
            return f"{plan}; all of them are done already"
        seconds = estimate_trainings(self.problem, [job.architecture for job in left])
        known = f"; {done} of them are done already" if done else ""
        return f"{plan}{known}; about {duration(seconds)}"

    def _progress(self, done: int) -> None:
        self._pace.progress(done, len(self.jobs))
        self.observer.progress(done, len(self.jobs))

    def _bench(self, seed: int) -> Workbench:
        """The same data and tasks, with weights, order and augmentation of another seed."""
        problem = replace(self.problem, config=replace(self.problem.config, seed=seed))
        return judging_workbench(problem, self.judged, self.observer.data)

    def _train(self, bench: Workbench, job: Job) -> SeedRun | None:
        """Train and keep a network; None where that failed, which fails no other."""
        title = f"{job.title}, seed {job.seed}"
        self._pace.training_starts(title)
        self.observer.training_starts(title, job.architecture)
        try:
            bench.check_memory(job.architecture)
            network = self._beginning(bench, job)
            trained = bench.train_candidate(
                job.architecture, partial(self.observer.training_step, title), network=network
            )
        except (TrainingError, TrainingMemoryError) as error:
            self._failures.append(f"{title}: {error}")
            self.observer.message(self._failures[-1])
            return None
        finally:
            self._pace.training_ends(title)
            self.observer.training_ends(title)
        run = SeedRun(seed=job.seed, metrics=trained.metrics, seconds=trained.seconds)
        self.runs.add(job.title, run, self._conditions(bench))
        return run

    def _beginning(self, bench: Workbench, job: Job) -> Network | None:
        """What a training begins with, None for an untrained network."""
        if not self.options.inherit or job.trial is None:
            return None
        return inherited(bench, self._shared_weights(bench), job.architecture)

    def _shared_weights(self, bench: Workbench) -> ElasticWeights:
        if self._weights is None:
            kept = self.store.shared_weights()
            assert kept is not None
            self._weights = load_weights(kept, bench, self.problem.config.seed)
        return self._weights

    def _conditions(self, bench: Workbench) -> Conditions:
        fidelity = self.problem.config.fidelity
        return Conditions(
            fidelity=fidelity.name,
            samples=fidelity.samples,
            begin=self.options.begin,
            judged_on=tuple(self.judged),
            constants=bench.constants,
        )

    def _told(self, job: Job, run: SeedRun) -> str:
        values = ", ".join(
            f"{task} {metrics[self.problem.tasks[task].primary.name]:.3f}"
            for task, metrics in run.metrics.items()
        )
        return f"{job.title}, seed {run.seed}: {values} ({duration(run.seconds)})"

    def _annotate(self, finalists: Finalists) -> None:
        """A line in the dashboard's note of every finalist."""
        for record in self.trials:
            if record.number in finalists.runs:
                self.store.annotate(record.number, finalist_note(finalists, record.number))
