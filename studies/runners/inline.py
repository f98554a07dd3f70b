"""Trains in this process, one job after the other."""

from __future__ import annotations

import time

from studies.conductor import Conductor
from studies.course import Course
from studies.job import Job, Later
from studies.observer import Observer
from studies.worker import Worker

#: Seconds before asking again where another process has to end something first.
_POLL_S = 1.0


def run_inline(conductor: Conductor, course: Course, observer: Observer) -> None:
    """Train until the conductor has nothing left."""
    worker = Worker(course)
    while (job := conductor.next_job()) is not None:
        if isinstance(job, Later):
            time.sleep(_POLL_S)
        else:
            _train(conductor, worker, job, observer)


def _train(conductor: Conductor, worker: Worker, job: Job, observer: Observer) -> None:
    def progress(done: int, total: int) -> None:
        observer.training_step(job.title, done, total)

    worker.begin(job)
    for rung in job.rungs:
        if not conductor.answered(job, worker.answer(rung, progress)):
            return
