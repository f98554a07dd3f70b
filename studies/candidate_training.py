"""The training of one network, which pauses to be judged."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from nas.data.batches import TrainingData
from nas.elastic.statistics import estimate_statistics
from nas.evaluation import Metrics
from nas.memory import is_out_of_memory
from nas.network import Network
from nas.training import StepProgress, Training, TrainingError
from nas.weight_average import WeightAverage
from pruning.recovery import train_and_prune
from search_spaces.architecture import Architecture

#: Training batches on which statistics are estimated anew.
CALIBRATION_BATCHES = 8
#: Share of the steps before a rung over which weights are averaged. Of 25 networks of the default
#: space in the middle of ``quick``, Δm was ordered as at the end with τ 0.83 by the mean over a
#: quarter and 0.15 by the last weights, motion 0.74 and 0.02; over half of the steps motion 0.52.
AVERAGED = 0.25
#: Characters of an error that a trial keeps.
_MOST_SAID = 300


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained network in fp32, its validation metrics, and the seconds it took."""

    network: Network
    metrics: Metrics
    seconds: float


class CandidateTraining:
    """Trains and prunes one architecture, up to a share of its samples at a time.

    ``training`` holds the network that it begins with, and ``measure`` gives a network's metrics.
    """

    def __init__(
        self,
        training: Training,
        architecture: Architecture,
        measure: Callable[[Network], Metrics],
    ) -> None:
        self._training = training
        self._architecture = architecture
        self._measure = measure

    def judged_at(self, share: float, progress: StepProgress | None = None) -> Trained:
        """Train until that share of all samples, and judge; raises ``TrainingError``.

        Before the end a copy is judged, with the mean of its weights over the steps before and
        statistics estimated anew: while the learning rate is high, the last weights say little of
        the end. So the training goes on as if nobody had looked.
        """
        start = time.monotonic()
        training = self._training
        try:
            if share < 1.0:
                network = self._network_at(share, progress)
            else:
                network = train_and_prune(training, self._architecture, progress=progress)
            metrics = self._measure(network)
        except (RuntimeError, MemoryError, OSError) as error:
            raise training_error(error, training.device) from error
        return Trained(network=network, metrics=metrics, seconds=time.monotonic() - start)

    def _network_at(self, share: float, progress: StepProgress | None) -> Network:
        """A copy before the end, such as the network would about be if its rate fell now."""
        training, average = self._training, WeightAverage()

        def added(done: int, total: int) -> None:
            average.add(training.network)
            if progress is not None:
                progress(done, total)

        architecture = self._architecture
        train_and_prune(training, architecture, until=(1 - AVERAGED) * share, progress=progress)
        train_and_prune(training, architecture, until=share, progress=added)
        network = copy.deepcopy(training.network)
        average.write_to(network)
        calibrate(network, training.data)
        return network


def training_error(error: Exception, device: torch.device) -> TrainingError:
    """What a device, its memory or a file of the data did to one training, in a line."""
    if isinstance(error, TrainingError):
        return error
    if is_out_of_memory(error):
        return TrainingError(f"out of memory on {device}")
    said = " ".join(str(error).split())[:_MOST_SAID]
    return TrainingError(f"{type(error).__name__} on {device}: {said}")


def calibrate(network: Network, data: TrainingData) -> None:
    """Estimate a network's statistics on the first frames of a training, always the same."""
    steps = range(min(CALIBRATION_BATCHES, len(data)))
    estimate_statistics(network, [data.batch(step).frames for step in steps])
