"""The single-task networks that candidates are compared with: trained once a study."""

from __future__ import annotations

import time
from functools import cached_property

from nas.cost import cost_of
from nas.evaluation import Metrics
from studies.claims import Claims
from studies.delta_m import small_denominators
from studies.errors import StudyError
from studies.job import LATER, MOST_ATTEMPTS, Answer, Failure, Job, Later
from studies.lost_trials import LostTrials
from studies.observer import Observer
from studies.problem import Problem
from studies.record import Baseline
from studies.store import StudyStore

#: Seconds between two looks at what other processes have trained.
_EVERY_S = 1.0


class Baselines:
    """Hands out the trainings that the study has not got yet, one a task.

    Of several processes that work on the study, one trains each, and all read the same values.
    """

    def __init__(
        self, problem: Problem, store: StudyStore, observer: Observer, lost: LostTrials
    ) -> None:
        self._problem, self._store, self._observer = problem, store, observer
        self._claims = Claims(store, lost)
        self._running: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        self._looks_again_at = 0.0

    def next_job(self) -> Job | Later | None:
        """A training that is missing; None once all are there."""
        if "metrics" in self.__dict__:
            return None
        if time.monotonic() < self._looks_again_at:
            return LATER
        there = self._store.baselines()
        missing = [task for task in self._problem.tasks if task not in there]
        for task in missing:
            if task not in self._running.values() and self._claims.take(f"baseline {task}"):
                return self._begin(task)
        if missing:
            self._looks_again_at = time.monotonic() + _EVERY_S
            return LATER
        for task in small_denominators(self.metrics, self._problem.tasks):
            self._observer.message(
                f"Δm of {task} is taken relative to 0.05: its single-task network reaches less"
            )
        return None

    @cached_property
    def metrics(self) -> Metrics:
        """What they reached; to be asked for once all are there."""
        return {task: dict(b.metrics) for task, b in self._store.baselines().items()}

    def answered(self, job: Job, answer: Answer) -> None:
        """Take in what came of one; raises ``StudyError`` where it cannot be trained."""
        task = self._end(job)
        self._looks_again_at = 0.0
        if isinstance(answer, Failure):
            raise StudyError(f"the {job.title} network cannot be trained: {answer.reason}")
        if task not in self._store.baselines():
            cost = cost_of(job.architecture, self._problem.config.budget.deployment.resolution)
            self._store.add_baseline(
                Baseline(
                    task=task,
                    architecture=job.architecture,
                    metrics=answer.metrics[task],
                    macs=cost.macs,
                )
            )

    def lost(self, job: Job, reason: str) -> bool:
        """Its worker was lost: whether to begin it anew; raises ``StudyError`` after some times."""
        attempt = self._attempts[job.title] = self._attempts.get(job.title, 1) + 1
        if attempt > MOST_ATTEMPTS:
            raise StudyError(f"the {job.title} network cannot be trained: {reason}")
        self._observer.message(f"{job.title}: {reason}; attempt {attempt} of {MOST_ATTEMPTS}")
        return True

    def _begin(self, task: str) -> Job:
        config = self._problem.config
        job = Job(
            title=f"single-task {task}",
            architecture=self._problem.baseline(task),
            seed=config.seed,
            rungs=(config.fidelity.samples,),
        )
        self._running[job.title] = task
        self._observer.training_starts(job.title, job.architecture)
        return job

    def _end(self, job: Job) -> str:
        self._observer.training_ends(job.title)
        return self._running.pop(job.title)
