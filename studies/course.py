"""How a candidate climbs: judged before, in the middle, and at the end of its training."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from nas.elastic.weights import ElasticWeights
from nas.network import Network
from nas.training import StepProgress
from search_spaces.architecture import Architecture
from studies.candidate_training import CandidateTraining, Trained, calibrate, training_error
from studies.config import SearchConfig
from studies.workbench import Workbench

#: Share of a candidate's samples at the rung in the middle of its training.
_MIDDLE = 0.5


def rungs_of(config: SearchConfig) -> tuple[int, ...]:
    """The rungs of a search in samples; the last one alone where nothing is stopped early."""
    samples = config.fidelity.samples
    if not config.early_stopping:
        return (samples,)
    middle = round(_MIDDLE * samples)
    inherited = [] if config.shared_weights == "off" else [0]
    return (*inherited, *([middle] if 0 < middle < samples else []), samples)


@dataclass(frozen=True, kw_only=True)
class Course:
    """How all candidates of a search climb: ``rungs`` are samples, the last one all of them.

    With shared ``weights`` the first rung is 0: a candidate is judged with those that it inherits.
    It then trains from scratch as single-task networks do, pausing at the rungs, so that their
    values at the end compare; or, where candidates ``inherit``, it trains on from there.
    """

    bench: Workbench
    rungs: tuple[int, ...]
    weights: ElasticWeights | None
    inherit: bool = False

    @property
    def from_scratch(self) -> Course:
        """The same for single-task networks, which inherit nothing."""
        return replace(self, weights=None, inherit=False)

    def climb(self, architecture: Architecture, seed: int | None = None) -> Climb:
        """A candidate before its first rung; ``seed`` is that of the weights it begins with."""
        return Climb(self, architecture, seed)


class Climb:
    """One candidate on its course."""

    def __init__(self, course: Course, architecture: Architecture, seed: int | None) -> None:
        self._course = course
        self._architecture = architecture
        self._seed = seed
        self._training: CandidateTraining | None = None
        self._inherited: Network | None = None

    def to(self, rung: int, progress: StepProgress | None = None) -> Trained:
        """The candidate at a rung, each one after those below; raises ``TrainingError``."""
        start = time.monotonic()
        judged = self._judged_untrained() if rung == 0 else self._judged_at(rung, progress)
        return replace(judged, seconds=time.monotonic() - start)

    def _judged_untrained(self) -> Trained:
        network = self._inherit()
        if self._course.inherit:
            self._inherited = network
        return self._course.bench.judge(network)

    def _judged_at(self, rung: int, progress: StepProgress | None) -> Trained:
        course = self._course
        if self._training is None:
            network = self._inherited or self._inherit() if course.inherit else None
            self._training = course.bench.begin(
                self._architecture, network=network, seed=self._seed
            )
        return self._training.judged_at(rung / course.rungs[-1], progress)

    def _inherit(self) -> Network:
        assert self._course.weights is not None
        return inherited(self._course.bench, self._course.weights, self._architecture)


def inherited(bench: Workbench, weights: ElasticWeights, architecture: Architecture) -> Network:
    """The network of an architecture with the weights that it shares with all others.

    Its statistics are estimated on training frames, the same for every candidate. What it needs
    beyond the shared weights is made for it alone, so that it depends on no candidate before.
    Raises ``TrainingError`` where the device has no memory for it.
    """
    data = bench.data.for_tasks(architecture.task_names, streams=architecture.streams)
    try:
        network = weights.copy().network(architecture).to(bench.device)
        calibrate(network, data)
    except (RuntimeError, MemoryError, OSError) as error:
        raise training_error(error, bench.device) from error
    return network
