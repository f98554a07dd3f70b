"""Decodes or renders the frames of a split, in order, on all processors."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.fitting import FittedFrame, fit_frame
from nas.data.source import DataError, DataSource, Split
from nas.interrupts import starting_process
from nas.resolution import Resolution
from nas.tasks.task import Array, Task

#: Starting two workers takes 0.06 s by fork, 2 s by spawn (which imports torch again).
_POOL_PAYS_AFTER_S = 0.5
#: A chunk is what a worker hands back at once: 4 MB pass through the pipe in about 5 ms.
_CHUNK_BYTES = 4 * 2**20
_LONGEST_CHUNK = 16


@dataclass(frozen=True, kw_only=True)
class DecodingJob:
    """All frames of one split of a source, at one resolution, with the labels of ``tasks``."""

    source: DataSource
    split: Split
    resolution: Resolution
    tasks: Mapping[str, Task]

    @property
    def streams(self) -> int:
        """Images a frame: the current one, and the previous one if the source has any."""
        return 2 if self.source.has_previous else 1


@dataclass(frozen=True, kw_only=True)
class DecodedChunk:
    """Consecutive frames.

    ``images`` is ``(n, S, 3, H, W)`` uint8. ``labels`` holds ``(n, …)`` by task, filled with
    the task's ``unlabelled`` where ``labelled``, ``(n,)`` by task, is false.
    """

    images: NDArray[np.uint8]
    labels: Mapping[str, Array]
    labelled: Mapping[str, NDArray[np.bool_]]


def decode(job: DecodingJob, workers: int) -> Generator[DecodedChunk]:
    """The job's frames in order, the same for any number of workers.

    The first chunk is decoded here and timed: other processes are started only where they pay.
    Raises the ``DataError`` of the first broken frame.
    """
    chunks = _chunks(job)
    start = time.monotonic()
    yield decode_chunk(job, chunks[0])
    expected = (time.monotonic() - start) * (len(chunks) - 1)
    workers = min(workers, len(chunks) - 1)
    if workers < 2 or expected < _POOL_PAYS_AFTER_S:
        yield from (decode_chunk(job, chunk) for chunk in chunks[1:])
    else:
        yield from _decode_in_pool(job, chunks[1:], workers)


def decode_chunk(job: DecodingJob, frames: range) -> DecodedChunk:
    """The frames with these numbers, decoded one after the other."""
    fitted = [_decode_frame(job, index) for index in frames]
    labelled = {name: np.array([name in f.labels for f in fitted]) for name in job.tasks}
    return DecodedChunk(
        images=np.stack([frame.streams for frame in fitted]),
        labels={name: _stack_labels(fitted, task, job) for name, task in job.tasks.items()},
        labelled=labelled,
    )


def _decode_frame(job: DecodingJob, index: int) -> FittedFrame:
    frame = job.source.frame(job.split, index, job.resolution)
    where = f"{job.source.name}, split {job.split}, frame {index}"
    return fit_frame(frame, job.tasks, job.resolution, streams=job.streams, where=where)


def _stack_labels(frames: list[FittedFrame], task: Task, job: DecodingJob) -> Array:
    unlabelled = np.full(task.label_shape(job.resolution), task.unlabelled, task.label_dtype)
    return np.stack([frame.labels.get(task.spec.name, unlabelled) for frame in frames])


def _chunks(job: DecodingJob) -> list[range]:
    frames = job.source.length(job.split)
    pixels = job.resolution.width * job.resolution.height
    label_bytes = sum(np.dtype(task.label_dtype).itemsize for task in job.tasks.values())
    frame_bytes = pixels * (3 * job.streams + label_bytes)
    step = max(1, min(_LONGEST_CHUNK, _CHUNK_BYTES // frame_bytes))
    return [range(start, min(start + step, frames)) for start in range(0, frames, step)]


def _decode_in_pool(job: DecodingJob, chunks: list[range], workers: int) -> Iterator[DecodedChunk]:
    """At most two chunks a worker are under way, so that memory stays bounded."""
    # Fork, as torch's DataLoader does: scripts need no __main__ guard, sources need not pickle.
    # It is safe since workers touch neither torch's threads nor the accelerator.
    method = "fork" if sys.platform == "linux" else "spawn"
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context(method),
        initializer=_start_worker,
        initargs=(job, os.getpid()),
    )
    waiting = iter(chunks)
    running: deque[Future[DecodedChunk]] = deque()
    try:
        for chunk in waiting:
            with starting_process():  # the first one starts all
                running.append(pool.submit(_work, chunk))
            if len(running) >= 2 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    except BrokenProcessPool as error:
        raise DataError(
            f"{job.source.name}: a process that decodes frames died, most likely for want of "
            "memory; decode with 1 worker"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_job: DecodingJob | None = None


def _start_worker(job: DecodingJob, parent: int) -> None:
    """Keep the job, leave Ctrl-C to the parent, and do not outlive it."""
    global _job
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not what the parent does then
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)  # a forked process hangs in OpenMP's threads, were they used
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()


def _die_with(parent: int) -> None:
    """A worker of a killed parent would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _work(frames: range) -> DecodedChunk:
    assert _job is not None
    return decode_chunk(_job, frames)
