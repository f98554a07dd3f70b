"""Trains jobs where the data is: in this process, in another one, or on another machine."""

from __future__ import annotations

import io

from safetensors.torch import save

from nas.memory import TrainingMemoryError
from nas.network import Network
from nas.training import StepProgress, TrainingError
from studies.candidate_training import Trained
from studies.course import Climb, Course
from studies.job import Answer, Failure, Job, Judged
from studies.picture import predictions_picture


class Worker:
    """Trains one job after the other, each from rung to rung."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._job: Job | None = None
        self._climb: Climb | None = None

    def begin(self, job: Job) -> None:
        """Take a job, and forget the one before."""
        course = self._course if job.trial is not None else self._course.from_scratch
        self._job = job
        self._climb = course.climb(job.architecture, job.seed)

    def answer(self, rung: int, progress: StepProgress | None = None) -> Answer:
        """Train the job to a rung, each one after those below, and judge it."""
        job, climb = self._job, self._climb
        assert job is not None
        assert climb is not None
        try:
            if rung == job.rungs[0]:
                self._course.bench.check_memory(job.architecture)
            trained = climb.to(rung, progress)
        except TrainingMemoryError as error:
            return Failure(reason=str(error), too_large=True)
        except TrainingError as error:
            return Failure(reason=str(error), spent=_comes_of_the_device(error))
        return self._judged(job, rung, trained)

    def _judged(self, job: Job, rung: int, trained: Trained) -> Judged:
        last = rung == job.rungs[-1] and job.trial is not None
        return Judged(
            rung=rung,
            metrics=trained.metrics,
            seconds=trained.seconds,
            picture=self._picture(trained.network) if last else b"",
            weights=_file(trained.network) if last else b"",
        )

    def _picture(self, network: Network) -> bytes:
        bench, file = self._course.bench, io.BytesIO()
        predictions_picture(network, bench.val, bench.tasks).save(file, format="PNG")
        return file.getvalue()


def _comes_of_the_device(error: TrainingError) -> bool:
    """Whether it was raised from another error.

    After a failed assertion CUDA computes nothing more in a process; where oneDNN ran out of memory
    ("could not create a primitive"), it went on to say so with as much memory as before.
    """
    return error.__cause__ is not None and not isinstance(error.__cause__, TrainingError)


def _file(network: Network) -> bytes:
    return save(network.cpu().state_dict())
