from __future__ import annotations

import copy

import pytest
import torch

from nas.network import Network, build_network
from nas.weight_average import WeightAverage
from search_spaces.default_tasks import SEGMENTATION
from search_spaces.presets import shared


@pytest.fixture
def network() -> Network:
    return build_network(shared((SEGMENTATION,)), seed=0)


def _moved(network: Network, by: float) -> None:
    with torch.no_grad():
        for weight in network.parameters():
            weight += by


def test_the_mean_is_written_to_a_copy_and_changes_nothing_else(network: Network) -> None:
    average, begin = WeightAverage(), copy.deepcopy(network)
    for _ in range(3):
        average.add(network)
        _moved(network, 1.0)
    written = copy.deepcopy(network)
    average.write_to(written)
    for mean, first, last in zip(
        written.parameters(), begin.parameters(), network.parameters(), strict=True
    ):
        torch.testing.assert_close(mean, first + 1.0)
        torch.testing.assert_close(last, first + 3.0)


def test_a_network_that_was_replaced_begins_anew(network: Network) -> None:
    average = WeightAverage()
    average.add(build_network(network.plan.architecture, seed=1))
    average.add(network)
    written = copy.deepcopy(network)
    average.write_to(written)
    for mean, weight in zip(written.parameters(), network.parameters(), strict=True):
        assert torch.equal(mean, weight)


def test_without_steps_nothing_is_written(network: Network) -> None:
    written = copy.deepcopy(network)
    WeightAverage().write_to(written)
    for mean, weight in zip(written.parameters(), network.parameters(), strict=True):
        assert torch.equal(mean, weight)
