from __future__ import annotations

import random

import pytest

from nas.budget import Budget
from nas.cost import cost_of
from search_spaces.default_tasks import DEFAULT_TASKS, DEPTH
from search_spaces.space import SearchSpace
from studies.admission import network_key
from studies.architecture_space import ArchitectureSpace
from studies.candidate_space import Params
from studies.objectives import objectives_named

_SPACE = SearchSpace.for_tasks(DEFAULT_TASKS).fix({"encoder": "resnet10,resnet18"})


def _candidates(count: int, space: ArchitectureSpace) -> list[Params]:
    rng = random.Random(0)
    return [space.sample(rng) for _ in range(count)]


def test_every_parameter_has_a_distribution_and_candidates_hold_those_with_an_effect() -> None:
    space = ArchitectureSpace(_SPACE, Budget())
    assert set(space.distributions) == set(_SPACE.choices())
    for params in _candidates(20, space):
        architecture = space.architecture(params)
        assert architecture in _SPACE
        assert params == _SPACE.parameters(architecture)
        for name, value in params.items():
            distribution = space.distributions[name]
            assert distribution._contains(distribution.to_internal_repr(value))


def test_candidates_that_train_alike_have_one_key() -> None:
    """At a width of 8, giving up a quarter or nothing of 32 filters or fewer may round alike."""
    narrow = _SPACE.fix({"encoder": "resnet10", "width": "8,16"})
    space = ArchitectureSpace(narrow, Budget())
    alike = 0
    for params in _candidates(30, space):
        ratios = [name for name in params if name.startswith("prune.")]
        others = [{**params, name: 0.25 if params[name] == 0 else 0} for name in ratios]
        for other in others:
            same = network_key(space.architecture(other)) == network_key(space.architecture(params))
            assert (space.key(other) == space.key(params)) == same
            alike += same
        wider = {**params, "encoder.width": 16 if params["encoder.width"] == 8 else 8}
        assert space.key(wider) != space.key(params)
    assert alike > 0


def test_parameters_without_effect_do_not_change_the_key() -> None:
    space = ArchitectureSpace(_SPACE, Budget())
    plain = next(p for p in _candidates(50, space) if p["link.depth.source"] == "none")
    more: Params = {**plain, "link.depth.level": 8, "link.depth.operation": "gate"}
    assert more.keys() > plain.keys()
    assert space.key(more) == space.key(plain)


@pytest.mark.parametrize("bounds", [["4gmacs"], ["2mparams"], ["30tops", "2mparams"], ["20ms"], []])
def test_feasible_is_what_the_budget_allows(bounds: list[str]) -> None:
    budget = Budget.parse(bounds)
    space = ArchitectureSpace(_SPACE, budget)
    candidates = _candidates(30, space)
    allowed = [
        budget.allows(cost_of(space.architecture(params), budget.deployment.resolution))
        for params in candidates
    ]
    assert [space.feasible(params) for params in candidates] == allowed
    measured_or_free = bounds in (["20ms"], [])
    assert all(allowed) if measured_or_free else 0 < sum(allowed) < len(allowed)


def test_costs_are_known_before_a_training() -> None:
    space = ArchitectureSpace(_SPACE, Budget())
    objectives = objectives_named(("macs", "params", "activation_bytes"), {})
    for params in _candidates(5, space):
        cost = cost_of(space.architecture(params))
        known = [space.known(objective)(params) for objective in objectives]
        assert known == [cost.macs, cost.params, cost.activation_bytes]


def test_a_neighbour_is_another_network_of_the_space() -> None:
    space, rng = ArchitectureSpace(_SPACE, Budget()), random.Random(1)
    for params in _candidates(10, space):
        neighbour = space.mutate(params, rng)
        assert neighbour != params
        assert space.architecture(neighbour) in _SPACE


def test_the_only_network_of_a_space_is_its_own_neighbour() -> None:
    only = SearchSpace(
        tasks=(DEPTH,),
        encoders=("resnet10",),
        widths=(16,),
        decoders=("fcn8",),
        pruning=(0.0,),
    )
    space, rng = ArchitectureSpace(only, Budget()), random.Random(0)
    assert only.size() == 1
    assert space.mutate(space.sample(rng), rng) == space.sample(rng) == {}
