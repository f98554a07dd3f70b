from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nas.budget import Budget
from nas.cost import cost_of
from search_spaces.presets import independent
from studies.admission import network_id
from studies.config import SearchConfig
from studies.opening import load_study
from studies.problem import problem_of
from studies.proposals import Proposals
from studies.search import search

Tiny = Callable[..., SearchConfig]


def proposals(config: SearchConfig) -> Proposals:
    return Proposals(problem_of(config), "cpu")


def test_a_budget_that_no_sample_meets_is_searched_from_the_cheapest_network(tiny: Tiny) -> None:
    config = tiny(budget=Budget.parse(["0.6gmacs"]), fix={})
    source = proposals(config)
    found = set()
    for trained in range(4):
        drawn = source._drawn(random.Random(trained), trained)
        assert drawn is not None
        assert cost_of(drawn).macs <= 0.6e9
        assert network_id(drawn) not in source._known
        source._known.add(network_id(drawn))
        found.add(drawn.id)
    assert len(found) == 4


def test_draws_span_the_costs_within_the_budget(tiny: Tiny) -> None:
    source = proposals(tiny(budget=Budget.parse(["20gmacs"]), fix={}))
    costs = [
        cost_of(drawn).macs
        for trained in range(6)
        if (drawn := source._drawn(random.Random(trained), trained))
    ]
    assert max(costs) <= 20e9
    assert math.log(max(costs) / min(costs)) > math.log(3)


def test_a_space_of_one_network_is_exhausted_by_it(tiny: Tiny) -> None:
    fixed = {
        "encoder": "resnet10",
        "width": "16",
        "decoder": "fpn",
        "decoder_width": "32",
        "fusion": "concat",
        "sharing": "shared",
        "links": "none",
        "augmentation": "none",
        "pruning": "none",
        "weighting": "sum",
    }
    source = proposals(tiny(fix=fixed))
    assert source.problem.space.size() == 1
    only = source._drawn(random.Random(0), 0)
    assert only is not None
    source._known.add(network_id(only))
    assert source._drawn(random.Random(1), 1) is None


def test_seeds_propose_different_networks(tiny: Tiny, tmp_path: Path) -> None:
    def trained(seed: int) -> list[str]:
        storage = f"sqlite:///{tmp_path}/{seed}.db"
        result = search(replace(tiny(trials=3), seed=seed, storage=storage))
        return [trial.architecture.id for trial in result.complete if trial.architecture]

    one, two = trained(1), trained(2)
    assert one[0] == two[0]  # the shared preset comes first in every study
    assert not set(one[1:]) & set(two[1:])


@pytest.mark.parametrize("times", [1, 3])
def test_what_waits_is_not_queued_again(tiny: Tiny, times: int) -> None:
    config = tiny(trials=1)
    search(config)
    store = load_study(config.storage)
    given = independent(problem_of(config).specs)
    config = replace(config, enqueue=(problem_of(config).space.nearest(given),))
    for _ in range(times):
        proposals(config).enqueue_first(store)
    assert [record.status for record in store.records()].count("waiting") == 1
