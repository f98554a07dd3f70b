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
from pruning.recovery import train_and_prune
from search_spaces.architecture import Architecture

#: Training batches on which statistics are estimated anew.
CALIBRATION_BATCHES = 8
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

        Before the end a copy is judged, its statistics estimated anew: while the learning rate is
        high the running ones lag behind. So the training goes on as if nobody had looked.
        """
        start = time.monotonic()
        training = self._training
        try:
            train_and_prune(training, self._architecture, until=share, progress=progress)
            network = training.network
            if training.step < len(training.data):
                network = copy.deepcopy(network)
                calibrate(network, training.data)
            metrics = self._measure(network)
        except (RuntimeError, MemoryError, OSError) as error:
            raise training_error(error, training.device) from error
        return Trained(network=network, metrics=metrics, seconds=time.monotonic() - start)


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
