from __future__ import annotations

import math
from itertools import pairwise

import pytest
from stratified_sample import stratified_sample

from nas.budget import Budget
from nas.cost import cost_of
from nas.data.synthetic import SyntheticSource
from nas.training_cost import training_macs
from studies.config import SearchConfig
from studies.errors import StudyError
from studies.problem import Problem, problem_of

_BUDGET = Budget.parse(["30tops"])


def _problem(**fix: str) -> Problem:
    return problem_of(
        SearchConfig(
            sources=(SyntheticSource(train=8, val=8, test=8),),
            tasks=("depth", "segmentation"),
            budget=_BUDGET,
            fix={"encoder": "resnet10,resnet18", **fix},
        )
    )


def test_networks_are_different_affordable_and_evenly_of_all_encoders() -> None:
    problem = _problem()
    networks = stratified_sample(problem, 6, pool=40)
    assert len(set(networks)) == 6
    assert [a.encoder.depth for a in networks] == ["resnet10", "resnet18"] * 3
    dearest = training_macs(problem.reference, problem.config.fidelity)
    for network in networks:
        assert _BUDGET.allows(cost_of(network, _BUDGET.deployment.resolution))
        assert training_macs(network, problem.config.fidelity) <= dearest


def test_macs_spread_over_the_whole_range_on_a_logarithmic_scale() -> None:
    networks = stratified_sample(_problem(), 8, pool=60)
    logarithms = sorted(math.log(cost_of(a).macs) for a in networks)
    gaps = [b - a for a, b in pairwise(logarithms)]
    assert logarithms[-1] - logarithms[0] > 1
    assert max(gaps) < 0.6 * (logarithms[-1] - logarithms[0])


def test_the_same_seed_gives_the_same_networks() -> None:
    first, again, other = (stratified_sample(_problem(), 3, seed=s, pool=20) for s in (0, 0, 1))
    assert first == again
    assert first != other


def test_more_networks_than_there_are_is_told() -> None:
    with pytest.raises(StudyError, match="ask for fewer"):
        stratified_sample(_problem(), 30, pool=20)
