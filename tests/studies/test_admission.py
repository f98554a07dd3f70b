from __future__ import annotations

import random
from dataclasses import replace

import pytest

import studies.admission
from nas.budget import Budget
from nas.cost import cost_of
from nas.latency import LatencyMs
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.filter_ratios import FilterRatio
from search_spaces.presets import independent, shared
from search_spaces.space import SearchSpace
from studies.admission import Admission, admit, cheapest, check_feasible, network_key
from studies.errors import StudyError

_SHARED = shared(DEFAULT_TASKS)
_SPACE = SearchSpace.for_tasks(DEFAULT_TASKS).fix({"encoder": "resnet10,resnet18"})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Architecture]:
    """Every network takes 12 ms; remembers which were measured."""
    asked: list[Architecture] = []

    def measure(architecture: Architecture, *_: object, **__: object) -> LatencyMs:
        asked.append(architecture)
        return LatencyMs(median=12.0, fastest=11.0, slowest=13.0, runs=3)

    monkeypatch.setattr(studies.admission, "measure_latency", measure)
    return asked


def _admit(budget: str, *, measure: bool = False) -> Admission:
    return admit(_SHARED, Budget.parse([budget]), measure=measure, device="cpu")


def test_a_bound_is_inclusive_and_constraints_are_shares() -> None:
    macs = cost_of(_SHARED).macs
    exact = _admit(f"{macs / 1e6:.6f}mmacs")
    assert exact.admitted
    assert _admit(f"{macs * 0.99 / 1e6:.6f}mmacs").reason
    half = _admit(f"{macs / 2 / 1e6:.6f}mmacs")
    assert list(half.constraints.values()) == [pytest.approx(1.0)]


def test_only_what_is_within_the_other_bounds_is_measured(measured: list[Architecture]) -> None:
    budget = Budget.parse(["1mmacs", "20ms"])
    refused = admit(_SHARED, budget, measure=True, device="cpu")
    assert (refused.admitted, refused.latency_ms, measured) == (False, None, [])
    admitted = admit(_SHARED, Budget.parse(["20ms"]), measure=True, device="cpu")
    assert (admitted.admitted, admitted.latency_ms, measured) == (True, 12.0, [_SHARED])


def test_a_network_that_is_too_slow_is_refused(measured: list[Architecture]) -> None:
    assert "12 ms is 20% over 10 ms" in _admit("10ms", measure=True).reason


def test_networks_that_would_train_alike_have_one_key() -> None:
    first, second = (
        replace(_SHARED, pruning=(FilterRatio(task="depth", part="decoder", ratio=ratio),))
        for ratio in (0.25, 0.2500001)
    )
    assert first != second
    assert network_key(first) == network_key(second)
    assert network_key(first) != network_key(_SHARED)
    assert network_key(_SHARED) != network_key(independent(DEFAULT_TASKS))


def test_the_cheapest_is_no_dearer_than_what_sampling_finds() -> None:
    rng = random.Random(1)
    found = cheapest(_SPACE, Budget(), 0)
    assert cost_of(found).macs <= min(cost_of(_SPACE.sample(rng)).macs for _ in range(100))
    assert found == cheapest(_SPACE, Budget(), 0)


def test_an_impossible_budget_names_the_cheapest_cost() -> None:
    budget = Budget.parse(["2mmacs"])

    def check(architecture: Architecture) -> Admission:
        return admit(architecture, budget, measure=False, device="cpu")

    with pytest.raises(StudyError, match=r"costs [\d.]+ GMAC, .* over 2 MMAC; raise --budget"):
        check_feasible(_SPACE, check, budget, 0)
