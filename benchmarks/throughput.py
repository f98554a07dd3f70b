"""How much of the time of several workers is spent on trainings?

    python benchmarks/throughput.py [--trials 12] [--workers 2] [--seconds 10] [--without-ray]
        [--real 8]

A stand-in training waits in its worker for 10 s and takes no processor, so what is lost is lost by
the search: handing out, writing down, and the workers' waiting for both. Printed is the share of
the ideal, workers × time / seconds of a training, between the first answers of all workers and the
last answer; for processes of this machine, and for a Ray cluster on it. Then small real trainings
by one worker and by two: what these gain depends on the processors.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from nas.budget import Budget
from nas.data.spec import open_source
from nas.fidelity import Fidelity
from nas.resolution import Resolution
from nas.training import StepProgress
from studies.config import SearchConfig
from studies.course import Course
from studies.job import Answer, Job, Judged
from studies.observer import Observer
from studies.runners import processes, ray_cluster
from studies.search import search
from studies.worker import Worker

#: Seconds of a stand-in training, for the workers, which are processes of their own.
_VARIABLE = "NEURALL_STAND_IN_S"
_FIDELITY = Fidelity(
    name="quick",
    resolution=Resolution(128, 64),
    samples=256,
    batch_size=8,
    train=48,
    val=24,
    test=8,
)


class Answers(Observer):
    """Notes when trainings end."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def training_ends(self, title: str) -> None:
        """An answer was taken in."""
        self.at.append(time.monotonic())


class StandIn(Worker):
    """Waits instead of training; its values follow from the network."""

    def begin(self, job: Job) -> None:
        """Take a job."""
        self._job = job

    def answer(self, rung: int, progress: StepProgress | None = None) -> Answer:
        """Wait for the rung's share of the time."""
        assert self._job is not None
        seconds = float(os.environ[_VARIABLE]) / len(self._job.rungs)
        time.sleep(seconds)
        rng = random.Random(self._job.architecture.id)
        constants = self._course.bench.constants
        metrics = {
            task: {metric: rng.uniform(0.2, 0.8) for metric in constants[task]}
            for task in self._job.architecture.task_names
        }
        return Judged(rung=rung, metrics=metrics, seconds=seconds, weights=b"0", picture=b"0")


def work_standing_in(connection: Connection, threads: int) -> None:
    """What a process does instead of training."""
    processes.Worker = StandIn  # type: ignore[attr-defined]
    _work(connection, threads)


class ActorStandIn(ray_cluster._Training):
    """What an actor of a Ray cluster on this machine does instead of training."""

    def setup(self, config: dict[str, Any], course: Course, device: str) -> None:
        """Take the course and the first job."""
        ray_cluster.Worker = StandIn  # type: ignore[attr-defined]
        super().setup(config, course, device)


_work = processes._work


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Answers of a search, on the clock."""

    at: list[float]
    seconds: float

    def share(self, workers: int, each_s: float) -> float:
        """Of the ideal, from when each worker has answered once."""
        after = self.at[workers - 1 :]
        return (len(after) - 1) * each_s / (workers * (after[-1] - after[0]))


def main() -> None:
    """Measure all of them."""
    options = _options()
    os.environ[_VARIABLE] = str(options.seconds)
    kinds = {"processes": {"workers": options.workers}}
    if not options.without_ray:
        kinds["Ray on this machine"] = {"workers": options.workers, "ray": "local"}
    real = processes._work, ray_cluster._Training
    processes._work, ray_cluster._Training = work_standing_in, ActorStandIn  # type: ignore[misc]
    print(f"stand-in trainings of {options.seconds:g} s, {options.workers} workers")
    for name, how in kinds.items():
        measured = measure(trials=options.trials, **how)
        share = measured.share(options.workers, options.seconds)
        print(f"  {name:<24}{share:6.1%} of ideal, {measured.seconds:.1f} s in all", flush=True)
    processes._work, ray_cluster._Training = real  # type: ignore[misc]
    if options.real:
        print(f"{options.real} real trainings; workers share the cores")
        for workers in (1, options.workers):
            measured = measure(trials=options.real, workers=workers)
            each = (measured.at[-1] - measured.at[0]) / (len(measured.at) - 1)
            print(f"  {workers} workers: {each:6.2f} s a training", flush=True)


def measure(trials: int, workers: int, ray: str = "") -> Measured:
    """A search, and when its answers came."""
    with tempfile.TemporaryDirectory(prefix="neurall-search-throughput-") as folder:
        config = SearchConfig(
            sources=(open_source("synthetic", seed=0, fidelity=_FIDELITY),),
            tasks=("depth", "segmentation"),
            budget=Budget.parse(["30tops"]),
            fidelity=_FIDELITY,
            trials=trials,
            early_stopping=False,
            device="cpu",
            storage=f"sqlite:///{folder}/study.db",
            workers=workers,
            ray=ray,
        )
        answers, begin = Answers(), time.monotonic()
        search(config, answers)
        return Measured(at=answers.at, seconds=time.monotonic() - begin)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--without-ray", action="store_true")
    parser.add_argument("--real", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    main()
