"""What trials and shared weights cost to train, in MACs: samples times MACs of a pass.

One formula for every arm. A sample that is trained on costs three forward passes of the network
(forward, gradient of the inputs, gradient of the weights), one that is judged, or on which
statistics are estimated, costs one. A network that pauses at a rung goes on from there. A pruned
one that begins from scratch is dense for the first ``DENSE_SHARE`` of all samples; one that
inherits its weights is never dense.

Left out are what all arms have alike, the single-task networks, and the ranking of filters by
importance, which only trainings from scratch need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from nas.compile import compile_plan
from nas.cost import node_macs
from nas.plan import ENCODER_KINDS
from nas.resolution import Resolution
from pruning.recovery import DENSE_SHARE
from search_spaces.architecture import Architecture
from studies.candidate_training import CALIBRATION_BATCHES
from studies.course import rungs_of
from studies.problem import Problem
from studies.record import TrialRecord
from studies.shared_weights import TRAINING_SHARE, sandwich

#: Forward, gradient of the inputs, gradient of the weights.
PASSES = 3


@dataclass(frozen=True, kw_only=True)
class Accounting:
    """How a study trains: ``rungs`` of its course, and samples that pass forward alone.

    ``judged`` are the validation frames of every judgement, ``calibration`` the samples on which
    statistics are estimated at every rung but the last.
    """

    resolution: Resolution
    rungs: tuple[int, ...]
    judged: int
    calibration: int
    inherits: bool

    @classmethod
    def of(cls, problem: Problem) -> Accounting:
        """How the trials of a problem are trained."""
        config, fidelity = problem.config, problem.config.fidelity
        steps = max(1, fidelity.samples // fidelity.batch_size)
        return cls(
            resolution=fidelity.resolution,
            rungs=rungs_of(config),
            judged=sum(source.length("val") for source in problem.sources),
            calibration=min(CALIBRATION_BATCHES, steps) * fidelity.batch_size,
            inherits=config.shared_weights == "inherit",
        )

    def trial_macs(self, record: TrialRecord) -> float:
        """MACs of all that a trial was trained and judged; 0 where it was not trained.

        A failed one counts as trained to its end: what it reached is not written down. One that
        was interrupted counts nothing, it is begun again as another trial.
        """
        if record.architecture is None or record.status not in ("complete", "stopped", "failed"):
            return 0.0
        failed = record.status == "failed"
        rungs = self.rungs if failed else tuple(rung.samples for rung in record.rungs)
        return self.climbing_macs(record.architecture, rungs)

    def climbing_macs(self, architecture: Architecture, rungs: Sequence[int]) -> float:
        """MACs of training and judging a network up to the last of these rungs."""
        kept = forward_macs(architecture, self.resolution)
        calibrated = sum(rung < self.rungs[-1] for rung in rungs)
        calibrated += self.inherits and 0 not in rungs
        judging = len(rungs) * self.judged + calibrated * self.calibration
        trained = max(rungs, default=0)
        unpruned = 0.0 if self.inherits else min(trained, DENSE_SHARE * self.rungs[-1])
        dense = forward_macs(architecture.dense, self.resolution)
        return (PASSES * (trained - unpruned) + judging) * kept + PASSES * unpruned * dense


@lru_cache(maxsize=100_000)
def forward_macs(architecture: Architecture, resolution: Resolution) -> int:
    """MACs of one sample's forward pass in training: every stream, every task, as pruned."""
    plan = compile_plan(architecture, training=True)
    return sum(
        node_macs(node, resolution)
        * (2 if node.kind in ENCODER_KINDS and node.name in plan.previous_nodes else 1)
        for node in plan.nodes
    )


def shared_training_macs(problem: Problem) -> float:
    """MACs of training a study's shared weights: its networks are drawn again, step by step."""
    fidelity = problem.config.fidelity
    steps = max(1, round(TRAINING_SHARE * fidelity.samples) // fidelity.batch_size)
    draw = sandwich(problem)
    drawn = (network for step in range(steps) for network in draw(step))
    passed = sum(forward_macs(network, fidelity.resolution) for network in drawn)
    return float(PASSES * fidelity.batch_size * passed)
