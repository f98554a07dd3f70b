"""What all runners have in common, and which one a search has."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol, Self

import torch

from studies.conductor import Conductor
from studies.config import SearchConfig
from studies.course import Course
from studies.observer import Observer
from studies.runners.inline import run_inline
from studies.runners.processes import run_processes


class Runner(Protocol):
    """Trains what a conductor hands out; a context manager that lets go of what it holds.

    ``workers`` is how many trainings go on at a time, known once the context was entered.
    """

    @property
    def workers(self) -> int:
        """Trainings that go on at a time."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def run(self, conductor: Conductor, course: Course, observer: Observer) -> None:
        """Train until nothing is left."""
        ...


def runner_of(config: SearchConfig) -> Runner:
    """The runner of a search; raises ``StudyError`` where Ray is asked for and not installed."""
    if config.ray:
        from studies.runners.ray_cluster import RayRunner  # takes seconds to import

        return RayRunner(config.ray, workers=config.workers, gpus_per_trial=config.gpus_per_trial)
    return LocalRunner(workers=config.workers or 1)


@dataclass(frozen=True, kw_only=True)
class LocalRunner:
    """Trains on this machine: in this process, or in several beside it."""

    workers: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Processes end with the run."""

    def run(self, conductor: Conductor, course: Course, observer: Observer) -> None:
        """Train until nothing is left."""
        if self.workers == 1:
            run_inline(conductor, course, observer)
        else:
            threads = threads_each(self.workers)
            run_processes(conductor, course, observer, workers=self.workers, threads=threads)


def threads_each(workers: int) -> int:
    """Threads of each worker, so that all together do not fight for this machine's processors."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(torch.get_num_threads(), cores or 1) // workers)
