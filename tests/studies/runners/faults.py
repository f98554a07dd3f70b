"""Faults that tests let happen in workers, which are processes of their own.

What is to happen is JSON in an environment variable; what happened is a line in a file for each
training that began.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import studies.runners.processes
from nas.training import StepProgress
from studies.job import Answer, Job
from studies.worker import Worker

VARIABLE = "NEURALL_TEST_FAULTS"
_work = studies.runners.processes._work
_answer = Worker.answer
_time = time.time


@dataclass(frozen=True, kw_only=True)
class Began:
    """A training that a worker began."""

    title: str
    seed: int
    network: str
    pid: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What is to happen, by the title of the training or the name of the worker.

    ``killed`` says how often the process of a training is killed in the middle of it, ``hungry``
    which networks get no memory, ``slow`` how many seconds a worker waits at each step, ``stuck``
    at which trainings for ever and ``held`` at which until ``release``. ``jump_s`` is how far the
    clock jumps after the start.
    """

    trace: str
    killed: Mapping[str, int] = field(default_factory=dict)
    hungry: tuple[str, ...] = ()
    slow: Mapping[str, float] = field(default_factory=dict)
    stuck: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    jump_s: float = 0.0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def began(self) -> list[Began]:
        """The trainings that began so far, in their order."""
        file = Path(self.trace)
        lines = file.read_text().splitlines() if file.exists() else []
        return [Began(**json.loads(line)) for line in lines]

    def release(self) -> None:
        """Let the trainings that are held go on."""
        self._released.touch()

    def hold(self) -> None:
        """Wait until then."""
        while not self._released.exists():
            time.sleep(0.05)

    @property
    def _released(self) -> Path:
        return Path(self.trace).with_suffix(".released")


def install() -> None:
    """Let them happen in this process; the variable holds them, or names a file that does."""
    given = os.environ[VARIABLE]
    faults = Faults(**json.loads(Path(given).read_text() if given.startswith("/") else given))

    def answer(worker: Worker, rung: int, progress: StepProgress | None = None) -> Answer:
        job = worker._job
        assert job is not None
        if rung == job.rungs[0]:
            _note(faults, job)

        def step(done: int, total: int) -> None:
            if progress is not None:
                progress(done, total)
            _strike(faults, job.title)

        if job.architecture.id in faults.hungry:
            with_little_memory()
        try:
            return _answer(worker, rung, step)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    Worker.answer = answer  # type: ignore[method-assign]
    jump(faults.jump_s)


def _note(faults: Faults, job: Job) -> None:
    """Write down that a training begins; not where it is handed over: Ray may do so twice."""
    began = Began(
        title=job.title,
        seed=job.seed,
        network=job.architecture.id,
        pid=os.getpid(),
        name=multiprocessing.current_process().name,
    )
    with Path(faults.trace).open("a") as file:
        file.write(json.dumps(asdict(began)) + "\n")


def _strike(faults: Faults, title: str) -> None:
    times = sum(began.title == title for began in faults.began())
    if times <= faults.killed.get(title, 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if title in faults.stuck:
        time.sleep(600)
    if title in faults.held:
        faults.hold()
    time.sleep(faults.slow.get(multiprocessing.current_process().name, faults.slow.get(title, 0)))


def with_little_memory() -> None:
    """The system gives this process next to nothing more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def jump(seconds: float) -> None:
    """Let the clock that people set be wrong by so much from the next second on."""
    begin = time.monotonic()
    if seconds:
        time.time = lambda: _time() + (seconds if time.monotonic() > begin + 1 else 0)


def work(connection: Connection, threads: int) -> None:
    """What a worker runs in place of ``_work``."""
    install()
    _work(connection, threads)


def ray_training() -> type[Any]:
    """What a worker of a Ray cluster is in place of ``_Training``."""
    from tests.studies.runners.ray_faults import Training

    return Training
