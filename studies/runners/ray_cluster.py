"""Trains on a Ray cluster: Ray Tune drives the trials, the study stays Optuna's.

The only place that speaks to Ray. Tune asks for a trial where its searcher is asked (``_Jobs``),
begins it on an actor that trained another one before, and hands each result to its scheduler, which
says whether it goes on. All of these pass on what they are told to the conductor.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from studies.conductor import Conductor
from studies.course import Course
from studies.errors import StudyError
from studies.job import Answer, Failure, Job, Later
from studies.observer import Observer
from studies.workbench import device_named
from studies.worker import Worker

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_NUM_REDIS_GET_RETRIES": "2",  # by default it looks for a head that is gone for minutes
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
for _name, _value in _QUIET.items():
    os.environ.setdefault(_name, _value)  # read when Ray is loaded

try:
    import ray
    from ray import tune
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler
    from ray.tune.search import Searcher
except ImportError as error:
    raise StudyError(
        f"--ray needs Ray Tune ({error}): pip install 'neurall-search[ray]', or train on this "
        "machine with --workers"
    ) from None

#: Tune begins a trial on an actor that is there only where the trial waits already, so one more
#: candidate is asked for than there are workers.
_AHEAD = 1
#: Seconds for the head of a cluster to answer.
_CONNECT_S = 10.0


class RayRunner:
    """Connects to a cluster, and trains there what a conductor hands out.

    ``address`` is ``auto`` for the cluster that runs, ``local`` for one of this machine alone, or
    where its head is. ``workers`` None means one for each processor, or for each accelerator's
    share of ``gpus_per_trial``. Raises ``StudyError`` where the cluster is not there or has not
    enough.
    """

    def __init__(self, address: str, *, workers: int | None, gpus_per_trial: float) -> None:
        self._address, self._wanted, self._gpus = address, workers, gpus_per_trial
        self._connected = False
        self.workers = workers or 1
        self.cpus = 1.0

    def __enter__(self) -> Self:
        self._connect()
        try:
            self._share_out([node["Resources"] for node in ray.nodes() if node["Alive"]])
        except StudyError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._connected:
            ray.shutdown()

    def run(self, conductor: Conductor, course: Course, observer: Observer) -> None:
        """Train until nothing is left; raises what the conductor raises."""
        jobs = _Jobs(conductor, most=self.workers + _AHEAD)
        trainable = tune.with_parameters(
            _Training, course=_to_send(course), device=_device_name(course, self._gpus)
        )
        resources = {"cpu": self.cpus, "gpu": self._gpus}
        with tempfile.TemporaryDirectory(prefix="neurall-search-ray-") as folder:
            tuner = tune.Tuner(
                tune.with_resources(trainable, resources),
                tune_config=tune.TuneConfig(
                    search_alg=jobs,
                    scheduler=_Decisions(jobs),
                    num_samples=-1,
                    reuse_actors=True,
                    trial_dirname_creator=lambda trial: trial.trial_id,
                ),
                run_config=tune.RunConfig(
                    storage_path=folder,
                    verbose=0,
                    callbacks=[_Answers(jobs)],
                    failure_config=tune.FailureConfig(max_failures=0),
                    # else every end writes into the driver's folder, which other hosts lack
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                ),
            )
            try:
                tuner.fit()
            except Exception:
                if jobs.error is None:
                    raise
        if jobs.error is not None:
            raise jobs.error

    def _share_out(self, nodes: list[Mapping[str, float]]) -> None:
        """How many workers there are, and with how many processors each."""
        if self._gpus:
            rooms = [int(node.get("GPU", 0.0) / self._gpus + 1e-9) for node in nodes]
        else:
            rooms = [int(node.get("CPU", 0.0)) for node in nodes]
        room = sum(rooms)
        self.workers = min(self._wanted or room, room) if self._gpus else self._wanted or room
        if not room:
            raise StudyError(
                f"the Ray cluster {self._address} has no room for a training with "
                f"{self._gpus:g} accelerators: its nodes have {_told(nodes)}"
            )
        there = [(node.get("CPU", 0.0), r) for node, r in zip(nodes, rooms, strict=True) if r]
        if self._gpus:
            self.cpus = cpus_each(there, self.workers)
        else:
            self.cpus = cpus_each([(cpus, self.workers) for cpus, _ in there], self.workers)

    def _connect(self) -> None:
        if ray.is_initialized():
            return
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            _check_answers(self._address)
            ray.init(
                address=self._address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if self._address == "local" else None,
            )
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            said = " ".join(str(error).split())[:300]
            raise StudyError(
                f"no Ray cluster at {self._address!r}: {said}; start one with ray start --head, or "
                "use --ray local"
            ) from None
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, on_sigterm)  # Ray set its own
        self._connected = True


def _check_answers(address: str) -> None:
    """Raise ``OSError`` where nothing listens at a host and port: Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()


def cpus_each(nodes: Sequence[tuple[float, int]], workers: int) -> float:
    """Processors for each worker: as many as all of them find on nodes that have so many.

    ``nodes`` are processors, and workers that there is room for otherwise. Less than one where
    there are more workers than processors.
    """
    for cpus in range(int(max(processors for processors, _ in nodes)), 0, -1):
        if sum(min(int(processors // cpus), room) for processors, room in nodes) >= workers:
            return float(cpus)
    return min(processors / room for processors, room in nodes if room)


class _Jobs(Searcher):  # type: ignore[misc]
    """What Tune asks for its next trial; remembers which of them trains what.

    ``error`` is why the search has to end. A job whose worker was lost comes first again.
    """

    def __init__(self, conductor: Conductor, most: int) -> None:
        super().__init__(metric="rung", mode="max")
        self.conductor = conductor
        self.error: Exception | None = None
        self._most = most
        self._jobs: dict[str, Job] = {}
        self._done: set[str] = set()
        self._again: deque[Job] = deque()

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune keeps its searcher in a file, and what counts is in the study."""
        return {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next job; None while there is none, ``FINISHED`` after the last one."""
        if self.error is not None:
            return str(Searcher.FINISHED)
        if len(self._jobs) >= self._most:
            return None
        try:
            job = self._again.popleft() if self._again else self.conductor.next_job()
        except Exception as error:
            self.error = error
            raise  # FINISHED would let Tune wait for what trains
        if job is None:
            return None if self._jobs else str(Searcher.FINISHED)
        if isinstance(job, Later):
            return None
        self._jobs[trial_id] = job
        return {"job": job}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """A trial ended; with an error its worker was lost, or the node with it."""
        job = self._jobs.pop(trial_id, None)
        if trial_id in self._done:  # what is lost after the last answer is no loss
            self._done.remove(trial_id)
            return
        if error and job is not None and self._ask(lambda: self.conductor.lost(job, _LOST)):
            self._again.append(job)

    def answered(self, trial_id: str, answer: Answer) -> bool:
        """Whether a trial is to train on after a worker's answer."""
        job = self._jobs[trial_id]
        goes_on = self._ask(lambda: self.conductor.answered(job, answer))
        if not goes_on:
            self._done.add(trial_id)
        return goes_on

    def _ask(self, question: Any) -> bool:
        """An answer of the conductor; where it raises, the search ends with that."""
        try:
            return bool(question())
        except Exception as error:
            self.error = self.error or error
            return False

    def save(self, checkpoint_path: str) -> None:
        """Nothing, see above."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a search goes on from its study."""


_LOST = "its worker or the node of it was lost"


class _Decisions(FIFOScheduler):  # type: ignore[misc]
    """Lets a trial go on, or stops it, as the conductor says."""

    def __init__(self, jobs: _Jobs) -> None:
        super().__init__()
        self._jobs = jobs

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """The trial that was asked for last: an actor that got free is for it.

        By default it would be for the first that waits, whose own actor is starting and would be
        given up: where that takes longer than a training, one actor did all the work.
        """
        trials = reversed(tune_controller.get_trials())
        return next((trial for trial in trials if trial.status == "PENDING"), None)

    def on_trial_result(self, controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Called for each answer of a worker."""
        goes_on = self._jobs.answered(trial.trial_id, result["answer"])
        if self._jobs.error is not None:
            controller.request_stop_experiment()
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)


class _Answers(tune.Callback):  # type: ignore[misc]
    """Forgets answers once they were taken in: Tune keeps the last result of every trial."""

    def __init__(self, jobs: _Jobs) -> None:
        self._jobs = jobs

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **_: Any
    ) -> None:
        """Called after the scheduler."""
        result.pop("answer", None)


class _Training(tune.Trainable):  # type: ignore[misc]
    """One worker, on whichever node: a step is a rung."""

    def setup(self, config: dict[str, Any], course: Course, device: str) -> None:
        """Take the data, which travelled once, and the first job."""
        bench = replace(course.bench, device=device_named(device))
        self._spent = False
        self._worker = Worker(replace(course, bench=bench))
        self._begin(config["job"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another job; a process that is spent is lost instead, for a new one to take it."""
        if self._spent:
            os._exit(1)
        self._begin(new_config["job"])
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next rung."""
        rung = next(self._rungs)
        answer = self._worker.answer(rung)
        self._spent = isinstance(answer, Failure) and answer.spent
        return {"rung": rung, "answer": answer}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: a training that was cut off begins anew."""

    def _begin(self, job: Job) -> None:
        self._rungs = iter(job.rungs)
        self._worker.begin(job)


def _to_send(course: Course) -> Course:
    """The course with its data in memory: files of this machine are not there on another one."""
    bench = course.bench
    train = tuple(cached.in_memory() for cached in bench.train)
    val = tuple(cached.in_memory() for cached in bench.val)
    data = bench.data.on(train)
    return replace(course, bench=replace(bench, train=train, val=val, data=data))


def _device_name(course: Course, gpus: float) -> str:
    return "cuda" if gpus and course.bench.device.type != "cpu" else "auto" if gpus else "cpu"


def _told(nodes: list[Mapping[str, float]]) -> str:
    words = [f"{n.get('CPU', 0):g} processors and {n.get('GPU', 0):g} accelerators" for n in nodes]
    return "; ".join(words) or "nothing"
