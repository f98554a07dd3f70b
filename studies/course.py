"""How a candidate is trained rung by rung: from weights that it inherits, or from scratch."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nas.elastic.statistics import estimate_statistics
from nas.elastic.weights import ElasticWeights
from nas.training import StepProgress
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
    inherited = [0] if config.share_weights else []
    return (*inherited, *([first] if 0 < first < samples else []), samples)


class Course:
    """Trains candidates up to a rung: ``rungs`` are samples, the last one all of them.

    With shared weights the first rung is 0: a candidate is judged with the weights that it
    inherits, and from there each rung goes on with the network of the one before. Without, each
    rung trains from scratch, so that the last one is what baselines get too.
    """

    def __init__(
        self, bench: Workbench, rungs: Sequence[int], weights: ElasticWeights | None
    ) -> None:
        self._bench = bench
        self._weights = weights
        self.rungs = tuple(rungs)
        self._calibration: dict[int, list[Tensor]] = {}

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
        if self._weights is None:
            return self._bench.train_candidate(architecture, progress, end=end)
        if before is None:
            before = self._inherited(architecture, self._weights)
            if rung == 0:
                return before
        begin = self._before(rung) / self.rungs[-1]
        return self._bench.train_candidate(
            architecture, progress, network=before.network, begin=begin, end=end
        )

    def _before(self, rung: int) -> int:
        """Samples at the rung before one, 0 at the first."""
        place = self.rungs.index(rung)
        return self.rungs[place - 1] if place else 0

    def _inherited(self, architecture: Architecture, weights: ElasticWeights) -> Trained:
        network = weights.network(architecture).to(self._bench.device)
        estimate_statistics(network, self._frames(architecture.streams))
        return self._bench.judge(network)

    def _frames(self, streams: int) -> Sequence[Tensor]:
        """Training frames on which statistics are estimated, the same for every candidate."""
        if streams not in self._calibration:
            data = self._bench.data.for_tasks(tuple(self._bench.tasks), streams=streams)
            steps = range(min(CALIBRATION_BATCHES, len(data)))
            self._calibration[streams] = [data.batch(step).frames for step in steps]
        return self._calibration[streams]
