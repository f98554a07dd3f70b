"""The search: baselines first, then candidates until the study has as many as were asked for."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas.elastic.weights import ElasticWeights
from nas.training import TrainingError
from studies.claims import Claims
from studies.conductor import Conductor
from studies.config import SearchConfig
from studies.course import Course, rungs_of
from studies.errors import StorageOutageError, StudyError
from studies.heartbeat import Heartbeat
from studies.lost_trials import LostTrials
from studies.made_from import made_from
from studies.observer import Observer
from studies.opening import create_study
from studies.problem import Problem, problem_of
from studies.proposals import Proposals
from studies.result import StudyResult, read_result
from studies.runners.runner import Runner, runner_of
from studies.samplers import check_sampler
from studies.shared_weights import load_weights, save_weights, train_shared_weights
from studies.store import StudyStore
from studies.workbench import device_named, open_workbench

_SHARED = "shared weights"
_MEASURED_BESIDE = (
    "latency is measured where this command runs, while networks may train there, so it comes out "
    "longer than alone; without --workers and --ray it is measured undisturbed"
)
#: Seconds between two looks at what another command makes.
_POLL_S = 1.0


def search(config: SearchConfig, observer: Observer | None = None) -> StudyResult:
    """Run a search, or go on with one that was stopped, and return the study.

    Ctrl-C ends it early with what was found so far (``interrupted`` is set). Raises
    ``DataError``, ``ArchitectureError``, ``BudgetError`` or ``StudyError`` for what the user can
    mend.
    """
    problem = problem_of(config)
    run = Search(problem, observer or Observer())
    return run.run()


class Search:
    """One run of a study from this process."""

    def __init__(self, problem: Problem, observer: Observer) -> None:
        self.problem = problem
        self.config = problem.config
        self.observer = observer
        check_sampler(self.config.sampler)
        self.runner: Runner = runner_of(self.config)
        self.proposals = Proposals(problem, device_named(self.config.device).type)
        for architecture in self.config.enqueue:
            problem.space.parameters(architecture)

    def check_feasible(self) -> None:
        """Raise ``StudyError`` with the cheapest cost where no network is within the budget."""
        self.proposals.check_feasible()

    def run(self) -> StudyResult:
        """Prepare, train the baselines, search."""
        deadline = None
        if self.config.time_limit_s is not None:
            deadline = time.monotonic() + self.config.time_limit_s
        self.observer.message(self.config.budget.explain())
        self.check_feasible()
        for note in self.problem.notes:
            self.observer.message(note)
        store = create_study(
            self.config.storage,
            self.problem.name,
            self.problem.objectives,
            study_settings(self.problem),
            self.config.artifacts,
        )
        with Heartbeat(store.runs.beat):
            try:
                self._search(store, deadline)
            except KeyboardInterrupt:
                return read_result(store, interrupted=True)
            finally:
                store.owner.end()
        if self.config.early_stopping:
            store.draw_curves()
        return read_result(store)

    def _search(self, store: StudyStore, deadline: float | None) -> None:
        trained = sum(record.status == "complete" for record in store.records())
        self.observer.progress(trained, self.config.trials)
        if trained >= self.config.trials:
            self.observer.message(f"the study has its {self.config.trials} trained candidates")
            return
        with self.runner:
            self._prepare(store, deadline)
            if self.proposals.measures and (self.runner.workers > 1 or self.config.ray):
                self.observer.message(_MEASURED_BESIDE)
            gc.freeze()  # modules: looking through them for garbage takes half a second each time
            with _interruptible(self.conductor):
                self.runner.run(self.conductor, self.course, self.observer)

    def _prepare(self, store: StudyStore, deadline: float | None) -> None:
        """All that candidates share, and who decides on them."""
        self.bench = open_workbench(self.problem, self.observer.data)
        store.set_constants(self.bench.constants)
        use = self.config.shared_weights
        self.course = Course(
            bench=self.bench,
            rungs=rungs_of(self.config),
            weights=None if use == "off" else self._shared_weights(store),
            inherit=use == "inherit",
        )
        self.conductor = Conductor(
            self.problem,
            store,
            self.proposals,
            self.observer,
            rungs=self.course.rungs,
            workers=self.runner.workers,
            deadline=deadline,
        )

    def _shared_weights(self, store: StudyStore) -> ElasticWeights:
        """The weights that candidates share; trained where the study has none yet."""
        claims = Claims(store, LostTrials(store))
        while (kept := store.shared_weights()) is None and not claims.take(_SHARED):
            time.sleep(_POLL_S)  # another command on this study trains them
        if kept is not None:
            return load_weights(kept, self.bench, self.config.seed)
        self.observer.training_starts(_SHARED, self.problem.reference)
        begin = time.monotonic()
        try:
            weights = train_shared_weights(
                self.problem,
                self.bench,
                lambda done, total: self.observer.training_step(_SHARED, done, total),
            )
        except TrainingError as error:
            raise StudyError(f"{error}; --shared-weights off does without them") from None
        finally:
            self.observer.training_ends(_SHARED)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "shared.safetensors"
            save_weights(weights, file)
            store.keep_shared_weights(file, time.monotonic() - begin)
        return weights


@contextmanager
def _interruptible(conductor: Conductor) -> Iterator[None]:
    """What runs is queued again however the search ends early."""
    try:
        yield
    except StorageOutageError:
        raise  # nothing can be written; whoever goes on finds what was cut off
    except BaseException:
        conductor.interrupt()
        raise
    finally:
        gc.unfreeze()


def study_settings(problem: Problem) -> dict[str, object]:
    """What is written on the study, so that it can be read without its data."""
    return {
        "identity": problem.identity,
        "objectives": [
            {"name": o.name, "direction": o.direction, "unit": o.unit} for o in problem.objectives
        ],
        "budget": problem.config.budget.to_dict(),
        "fidelity": problem.config.fidelity.name,
        "shared_weights": problem.config.shared_weights,
        "made_from": made_from(problem),
        "primary": {name: task.primary.name for name, task in problem.tasks.items()},
        "directions": {name: task.primary.direction for name, task in problem.tasks.items()},
    }
