"""How a candidate is trained rung by rung: from weights that it inherits, or from scratch."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nas.elastic.statistics import estimate_statistics
from nas.elastic.weights import ElasticWeights
from nas.network import Network
from nas.training import StepProgress, TrainingError
from search_spaces.architecture import Architecture
from studies.config import SearchConfig
from studies.workbench import Trained, Workbench

#: Share of a candidate's samples at the first rung at which it trains on its own.
_FIRST_SHARE = 0.25
#: Training batches on which inherited statistics are estimated anew.
CALIBRATION_BATCHES = 8


def rungs_of(config: SearchConfig) -> tuple[int, ...]:
    """The rungs of a search in samples; the last one alone where nothing is stopped early."""
    samples = config.fidelity.samples
    if not config.early_stopping:
        return (samples,)
    first = round(_FIRST_SHARE * samples)
    inherited = [] if config.shared_weights == "off" else [0]
    return (*inherited, *([first] if 0 < first < samples else []), samples)


class Course:
    """Trains candidates up to a rung: ``rungs`` are samples, the last one all of them.

    With shared weights the first rung is 0: a candidate is judged with the weights that it
    inherits. Each further rung trains from scratch, so that the last one is what baselines get
    too; or, where candidates ``inherit``, it goes on with the network of the one before.
    """

    def __init__(
        self,
        bench: Workbench,
        rungs: Sequence[int],
        weights: ElasticWeights | None,
        *,
        inherit: bool = False,
    ) -> None:
        self._bench = bench
        self._weights = weights
        self._inherit = inherit
        self.rungs = tuple(rungs)

    def train(
        self,
        architecture: Architecture,
        rung: int,
        before: Trained | None,
        progress: StepProgress | None = None,
    ) -> Trained:
        """The candidate at a rung; ``before`` is what it was at the rung before, if there is one.

        Raises ``TrainingError`` with the reason.
        """
        end = rung / self.rungs[-1]
        if self._weights is None or (rung > 0 and not self._inherit):
            return self._bench.train_candidate(architecture, progress, end=end)
        if before is None:
            network = inherited(self._bench, self._weights, architecture)
            if rung == 0:
                return self._bench.judge(network)
        else:
            network = before.network
        begin = self._before(rung) / self.rungs[-1]
        return self._bench.train_candidate(
            architecture, progress, network=network, begin=begin, end=end
        )

    def _before(self, rung: int) -> int:
        """Samples at the rung before one, 0 at the first."""
        place = self.rungs.index(rung)
        return self.rungs[place - 1] if place else 0


def inherited(bench: Workbench, weights: ElasticWeights, architecture: Architecture) -> Network:
    """The network of an architecture with the weights that it shares with all others.

    Its statistics are estimated on training frames, the same for every candidate. What it needs
    beyond the shared weights is made for it alone, so that it depends on no candidate before.
    Raises ``TrainingError`` where the device has no memory for it.
    """
    data = bench.data.for_tasks(architecture.task_names, streams=architecture.streams)
    steps = range(min(CALIBRATION_BATCHES, len(data)))
    try:
        network = weights.copy().network(architecture).to(bench.device)
        estimate_statistics(network, [data.batch(step).frames for step in steps])
    except torch.OutOfMemoryError:
        raise TrainingError(f"out of memory on {bench.device}") from None
    return network
