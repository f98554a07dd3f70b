"""Trains in processes of this machine, one job at a time in each; a killed one is replaced."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch

from nas.interrupts import starting_process
from studies.conductor import Conductor
from studies.course import Course
from studies.errors import StudyError
from studies.job import Answer, Failure, Job, Judged, Later
from studies.observer import Observer
from studies.worker import Worker

#: Seconds between two questions for a job while there is none.
_POLL_S = 0.5
#: Seconds between two reports of progress of a training.
_PROGRESS_S = 0.5
#: Seconds in which a worker ends that was told to.
_PARTING_S = 3.0
#: Workers in a row that may be lost before they answered anything.
_MOST_LOSSES = 8


@dataclass(frozen=True, kw_only=True)
class _Hello:
    """A worker is there, and asks for the course."""


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """A worker has the course, or ends as it could not take it."""

    error: str = ""


@dataclass(frozen=True, kw_only=True)
class _Progress:
    """Steps of a training that are done."""

    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class _GoOn:
    """Asks for the next rung."""

    rung: int


def run_processes(
    conductor: Conductor, course: Course, observer: Observer, *, workers: int, threads: int
) -> None:
    """Train until the conductor has nothing left; raises ``StudyError`` where workers all die.

    Each of the ``workers`` computes with so many ``threads``; with several accelerators they take
    turns on them.
    """
    pool = _Pool(conductor, course, observer, workers, threads)
    try:
        pool.run()
    finally:
        pool.close()


class _Pool:
    """Slots with a process each, and the jobs that these have."""

    def __init__(
        self,
        conductor: Conductor,
        course: Course,
        observer: Observer,
        workers: int,
        threads: int,
    ) -> None:
        self._conductor, self._course, self._observer = conductor, course, observer
        self._threads = threads
        self._losses = 0
        self._asks_again_at = 0.0
        self._waiting: deque[Job] = deque()
        self._slots: list[_Slot] = []
        self._slots = [self._slot(index) for index in range(workers)]

    def run(self) -> None:
        """Until nothing is left to begin and nothing runs."""
        while True:
            left = self._fill()
            if not left and not self._waiting and not any(slot.job for slot in self._slots):
                return
            self._listen()

    def close(self) -> None:
        """End all processes."""
        for slot in self._slots:
            slot.part()
        deadline = time.monotonic() + _PARTING_S
        for slot in self._slots:
            slot.end(deadline)

    def _slot(self, index: int) -> _Slot:
        return _Slot(index, self._threads)

    def _fill(self) -> bool:
        """Give jobs to whoever is ready and has none; whether there may be more of them.

        While all are busy the next job is asked for, so that nobody waits for it.
        """
        for slot in self._slots:
            if slot.job is not None or not slot.ready:
                continue
            job = self._waiting.popleft() if self._waiting else self._conductor.next_job()
            if job is None:
                return False
            if isinstance(job, Later):
                return True
            slot.begin(job)
        if not self._waiting and all(slot.job for slot in self._slots):
            self._ask_ahead()
        return True

    def _ask_ahead(self) -> None:
        if time.monotonic() < self._asks_again_at:
            return
        job = self._conductor.next_job()
        if isinstance(job, Job):
            self._waiting.append(job)
        else:
            self._asks_again_at = time.monotonic() + _POLL_S

    def _listen(self) -> None:
        """Wait for answers, and for the ends of processes."""
        heard = {slot.connection: slot for slot in self._slots}
        ended = {slot.process.sentinel: slot for slot in self._slots}
        for ready in wait([*heard, *ended], timeout=_POLL_S):
            slot = heard.get(ready) or ended.get(ready)  # type: ignore[arg-type, call-overload]
            if slot is not None and slot in self._slots:
                self._hear(slot)

    def _hear(self, slot: _Slot) -> None:
        try:
            if not slot.connection.poll():
                if not slot.process.is_alive() and not slot.connection.poll():
                    self._replace(slot)
                return
            message = slot.connection.recv()
        except (EOFError, OSError):
            self._replace(slot)
            return
        if isinstance(message, _Hello):
            slot.take(_on_device(self._course, slot.index))
        elif isinstance(message, _Ready):
            slot.ready, slot.error = not message.error, message.error
        else:
            self._answered(slot, message)

    def _answered(self, slot: _Slot, message: Answer | _Progress) -> None:
        job = slot.job
        assert job is not None
        if isinstance(message, _Progress):
            self._observer.training_step(job.title, message.done, message.total)
            return
        self._losses = 0
        if self._conductor.answered(job, message) and isinstance(message, Judged):
            slot.go_on(message.rung)
        else:
            slot.job = None
        if isinstance(message, Failure) and message.spent:
            self._renew(slot)

    def _replace(self, slot: _Slot) -> None:
        """Put a new process in the place of one that ended; its job is begun anew if wanted."""
        self._losses += 1
        reason, job = slot.why_ended(), slot.job
        if self._losses > _MOST_LOSSES:
            raise StudyError(f"{self._losses} workers in a row ended: {reason}")
        self._renew(slot)
        if job is not None and self._conductor.lost(job, reason):
            self._waiting.appendleft(job)

    def _renew(self, slot: _Slot) -> None:
        slot.end(time.monotonic())
        self._slots[self._slots.index(slot)] = self._slot(slot.index)


class _Slot:
    """A process, the connection to it, and what it trains.

    It gets jobs once it is ``ready``, so that a process that cannot even begin is held against no
    candidate.
    """

    def __init__(self, index: int, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.index = index
        self.job: Job | None = None
        self.ready, self.error = False, ""
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_work, args=(theirs, threads), name=f"worker {index}", daemon=True
        )
        resource_tracker.ensure_running()  # whose start would let Ctrl-C through
        with starting_process():
            self.process.start()
        theirs.close()

    def take(self, course: Course) -> None:
        """Hand over the course, once it reads.

        Not with its arguments: ``start`` waits for ever for a process that ends before it read
        them, where these are more than a pipe holds.
        """
        try:
            sent = pickle.dumps(course)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise StudyError(
                f"the data or the tasks cannot be sent to other processes: {error}; define their "
                "classes in a module, or use one worker"
            ) from None
        with suppress(OSError):  # it ended: seen when its process is looked at
            self.connection.send_bytes(sent)

    def begin(self, job: Job) -> None:
        """Hand over a job; it trains to its first rung."""
        self.job = job
        self._send(job)

    def go_on(self, rung: int) -> None:
        """Let it train to the rung after one."""
        assert self.job is not None
        following = next(r for r in self.job.rungs if r > rung)
        self._send(_GoOn(rung=following))

    def why_ended(self) -> str:
        """What is known of the end of its process."""
        if self.error:
            return self.error
        self.process.join(_PARTING_S)
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            memory = ", as it is where memory runs out" if name == "SIGKILL" else ""
            return f"its worker was killed by {name}{memory}"
        return f"its worker ended with code {code}"

    def part(self) -> None:
        """Tell the process to end, also in the middle of a training."""
        if self.process.is_alive():
            self.process.terminate()

    def end(self, deadline: float) -> None:
        """Wait for it until a time, then kill it."""
        self.process.join(max(0.0, deadline - time.monotonic()))
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()

    def _send(self, message: Job | _GoOn) -> None:
        with suppress(OSError):  # it ended: seen when its process is looked at
            self.connection.send(message)


def _on_device(course: Course, index: int) -> Course:
    """The course on the accelerator of a worker."""
    device, count = course.bench.device, torch.cuda.device_count()
    if device.type != "cuda" or count < 2:
        return course
    bench = replace(course.bench, device=torch.device("cuda", index % count))
    return replace(course, bench=bench)


# --- in the process -----------------------------------------------------------------------------


def _work(connection: Connection, threads: int) -> None:
    """Answer until the connection ends, or the process that asked is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        connection.send(_Hello())
        try:
            worker = Worker(pickle.loads(connection.recv_bytes()))
        except (OSError, ValueError, ImportError, AttributeError, RuntimeError) as error:
            connection.send(_Ready(error=f"a worker cannot read the data: {error}"))
            return
        connection.send(_Ready())
        _answer_all(connection, worker)


def _answer_all(connection: Connection, worker: Worker) -> None:
    reporter = _Reporter(connection)
    while True:
        message = connection.recv()
        if isinstance(message, Job):
            worker.begin(message)
            rung = message.rungs[0]
        else:
            rung = message.rung
        connection.send(worker.answer(rung, reporter.progress))


def _end_with_parent() -> None:
    """End at once when the parent is gone, whatever this process is doing."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


class _Reporter:
    """Reports progress now and then."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reported = 0.0

    def progress(self, done: int, total: int) -> None:
        """A training step is done."""
        now = time.monotonic()
        if now - self._reported >= _PROGRESS_S or done == total:
            self._reported = now
            self._connection.send(_Progress(done=done, total=total))
