from __future__ import annotations

from dataclasses import replace

import pytest
from search_compute import Accounting, forward_macs, shared_training_macs

from nas.data.synthetic import SyntheticSource
from nas.fidelity import FIDELITIES
from nas.resolution import Resolution
from nas.training_cost import training_macs
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.filter_ratios import FilterRatio
from search_spaces.presets import shared
from studies.config import SearchConfig
from studies.problem import problem_of
from studies.record import Status, TrialRecord
from studies.rungs import RungRecord

FRAME = Resolution(64, 32)
DENSE = shared(DEFAULT_TASKS)
PRUNED = replace(DENSE, pruning=(FilterRatio(task="segmentation", part="decoder", ratio=0.5),))
SCRATCH = Accounting(
    resolution=FRAME, rungs=(300, 1200), judged=240, calibration=64, inherits=False
)
INHERITING = replace(SCRATCH, rungs=(0, 300, 1200), inherits=True)


def record(architecture: Architecture, status: Status, *samples: int) -> TrialRecord:
    return TrialRecord(
        number=0,
        status=status,
        architecture=architecture,
        metrics={},
        rungs=tuple(RungRecord(samples=s, values=(0.0, 0.0)) for s in samples),
    )


def test_forward_pass_of_a_dense_network_is_what_the_forecast_counts() -> None:
    quick = FIDELITIES["quick"]
    assert forward_macs(DENSE, quick.resolution) == training_macs(DENSE, quick)
    assert forward_macs(PRUNED, FRAME) < forward_macs(DENSE, FRAME)


def test_a_training_that_pauses_costs_its_samples_once_and_every_look() -> None:
    macs = forward_macs(DENSE, FRAME)
    complete = SCRATCH.trial_macs(record(DENSE, "complete", 300, 1200))
    assert complete == pytest.approx((3 * 1200 + 64 + 2 * 240) * macs)
    stopped = SCRATCH.trial_macs(record(DENSE, "stopped", 300))
    assert stopped == pytest.approx((3 * 300 + 64 + 240) * macs)


def test_pruned_network_is_dense_for_the_first_quarter_from_scratch_only() -> None:
    dense, kept = forward_macs(DENSE, FRAME), forward_macs(PRUNED, FRAME)
    for samples in (300, 600):
        scratch = SCRATCH.trial_macs(record(PRUNED, "stopped", samples))
        assert scratch == pytest.approx(3 * 300 * dense + (3 * (samples - 300) + 304) * kept)
    inherited = INHERITING.trial_macs(record(PRUNED, "stopped", 0, 300))
    assert inherited == pytest.approx((3 * 300 + 2 * 304) * kept)


def test_judging_inherited_weights_is_forward_only() -> None:
    macs = forward_macs(DENSE, FRAME)
    for accounting in (replace(SCRATCH, rungs=(0, 300, 1200)), INHERITING):
        assert accounting.trial_macs(record(DENSE, "stopped", 0)) == 304 * macs
        complete = accounting.trial_macs(record(DENSE, "complete", 0, 300, 1200))
        assert complete == (3 * 1200 + 2 * 64 + 3 * 240) * macs


def test_what_was_not_trained_costs_nothing_and_a_failure_all() -> None:
    for status in ("refused", "repeated", "waiting", "interrupted"):
        assert SCRATCH.trial_macs(record(DENSE, status, 300)) == 0  # type: ignore[arg-type]
    failed = SCRATCH.trial_macs(record(DENSE, "failed"))
    assert failed == SCRATCH.trial_macs(record(DENSE, "complete", 300, 1200))


def test_shared_training_costs_its_networks_for_every_step() -> None:
    fidelity = replace(FIDELITIES["quick"], samples=20, batch_size=8)
    config = SearchConfig(
        sources=(SyntheticSource(),),
        tasks=("segmentation",),
        fidelity=fidelity,
        fix={"encoder": "resnet10", "width": "8", "decoder_width": "16", "pruning": "0"},
    )
    problem = problem_of(config)
    macs = shared_training_macs(problem)
    drawn = _drawn(problem, steps=7)  # 3 × 20 samples are 7 batches of 8
    assert macs == 3 * 8 * sum(forward_macs(a, fidelity.resolution) for a in drawn)


def _drawn(problem: object, steps: int) -> list[Architecture]:
    from studies.shared_weights import sandwich

    draw = sandwich(problem)  # type: ignore[arg-type]
    return [a for step in range(steps) for a in draw(step)]
