from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

import studies.estimate
from nas.compile import compile_plan
from nas.cost import plan_cost
from nas.fidelity import FIDELITIES
from nas.network import build_network
from nas.resolution import Resolution
from nas.training_cost import step_macs, training_macs
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.filter_ratios import FilterRatio
from search_spaces.presets import independent, shared
from search_spaces.vocabulary import Weighting
from studies.config import SearchConfig
from studies.estimate import estimate, estimate_trainings
from studies.forecast import forecast, plan_line
from studies.problem import problem_of

Tiny = Callable[..., SearchConfig]


def test_training_counts_every_stream_and_no_pruning() -> None:
    fidelity = FIDELITIES["quick"]
    two = shared(DEFAULT_TASKS)
    one = replace(two, streams=1)
    plan = compile_plan(one, training=True)
    single = training_macs(one, fidelity)
    assert single == plan_cost(plan, fidelity.resolution).macs
    assert 1.3 * single < training_macs(two, fidelity) < 2 * single
    pruned = replace(two, pruning=(FilterRatio(task="depth", part="decoder", ratio=0.5),))
    assert training_macs(pruned, fidelity) == training_macs(two, fidelity)


def test_weightings_that_repeat_passes_take_longer() -> None:
    fidelity = FIDELITIES["quick"]
    together, apart = shared(DEFAULT_TASKS), independent(DEFAULT_TASKS)

    def factor(architecture: Architecture, weighting: Weighting) -> float:
        weighted = replace(architecture, weighting=weighting)
        return step_macs(weighted, fidelity) / training_macs(weighted, fidelity)

    for weighting in ("geometric", "sum", "uncertainty", "dynamic_priority"):
        assert factor(together, weighting) == 1  # type: ignore[arg-type]
    assert factor(together, "famo") == pytest.approx(4 / 3)
    assert 1 < factor(together, "gradnorm") < 4 / 3
    assert 4 / 3 < factor(together, "pcgrad") < 7 / 3
    assert factor(apart, "cagrad") == pytest.approx(1)


@pytest.mark.parametrize("streams", [1, 2])
def test_training_macs_are_those_of_the_forward_pass(streams: int) -> None:
    """Counted by torch's own counter, which says two operations a MAC."""
    from torch.utils.flop_counter import FlopCounterMode

    architecture = replace(independent(DEFAULT_TASKS), streams=streams)
    fidelity = replace(FIDELITIES["quick"], resolution=Resolution(64, 32))
    network = build_network(architecture, training=True).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, streams, 3, 32, 64))
    assert counter.get_total_flops() / 2 == pytest.approx(
        training_macs(architecture, fidelity), rel=0.001
    )


def test_more_to_train_takes_longer(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    fidelity = tiny().fidelity
    monkeypatch.setattr(
        studies.estimate,
        "_step_seconds",
        lambda architecture, *_: 0.1 + 1e-9 * training_macs(architecture, fidelity),
    )
    few = estimate(problem_of(tiny(trials=2)))
    many = estimate(problem_of(tiny(trials=4)))
    assert many.candidates == 4
    assert many.total_s - few.total_s == pytest.approx(2 * few.candidate_s, rel=0.2)
    assert few.baselines_s > 3 * 2 * 0.1
    left = estimate(problem_of(tiny(trials=4)), trained=2, baselines=3)
    assert (left.candidates, left.baselines_s) == (2, 0)
    done = estimate(problem_of(tiny(trials=4)), trained=4, baselines=3)
    assert done.total_s == 0


def test_trainings_of_networks_add_up(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies.estimate, "_step_seconds", lambda *_: 0.1)
    monkeypatch.setattr(studies.estimate, "_data_seconds", lambda *_: 1.0)
    problem = problem_of(tiny())
    data = estimate_trainings(problem, [])
    one = estimate_trainings(problem, [problem.reference])
    three = estimate_trainings(problem, [problem.reference] * 3)
    assert one > data
    assert three - data == pytest.approx(3 * (one - data), rel=0.2)


def test_encoders_of_another_family_have_a_pace_of_their_own(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MACs of depthwise convolutions take longer."""
    problem = problem_of(tiny(fix={"encoder": "resnet10,efficientnet_lite0", "width": "32"}))
    timed = []

    def step(architecture: Architecture, *_: object) -> float:
        timed.append(architecture.encoder.depth)
        per_mac = 3e-9 if architecture.encoder.depth == "efficientnet_lite0" else 1e-9
        return per_mac * training_macs(architecture, problem.config.fidelity)

    monkeypatch.setattr(studies.estimate, "_step_seconds", step)
    pace = studies.estimate._pace(problem).training
    assert timed == ["resnet18", "resnet10", "efficientnet_lite0"]
    for depth, per_mac in (("resnet10", 1e-9), ("efficientnet_lite0", 3e-9)):
        network = replace(problem.reference, encoder=EncoderSpec(depth=depth, width=32))
        macs = training_macs(network, problem.config.fidelity)
        assert pace(network) == pytest.approx(per_mac * macs * 2.5, rel=0.01)  # 2 steps, 6 frames


def test_a_step_is_measured_and_no_random_state_changes(tiny: Tiny) -> None:
    problem = problem_of(tiny())
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    expected = estimate(problem)
    assert 0 < expected.candidate_s < 60
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])


def test_a_forecast_says_what_would_run(tiny: Tiny) -> None:
    told = forecast(problem_of(tiny(trials=9, time_limit_s=60)))
    text = "\n".join(told.lines())
    for word in (
        "37.5 GMAC",
        "9 candidates",
        "resnet10 of width 24",
        "8 samples at 64x32",
        "1 min",
    ):
        assert word in text
    assert 0 < told.share <= 1
    assert told.cheapest <= told.reference.macs <= told.dearest
    assert plan_line(told.problem, told.estimate) in text
