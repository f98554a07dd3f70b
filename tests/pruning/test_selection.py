from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nas.network import Network, build_network
from pruning.groups import Coupling, couplings
from pruning.selection import diverse_order, filter_orders
from search_spaces.architecture import Architecture


def test_filters_that_share_nothing_come_by_importance_the_first_of_equals_first() -> None:
    importance = torch.tensor([1.0, 3.0, 2.0, 3.0, 0.0])
    assert diverse_order(importance, torch.eye(5)).tolist() == [1, 3, 2, 0, 4]


def test_a_copy_comes_last_however_important() -> None:
    similarity = torch.eye(3)
    similarity[0, 1] = similarity[1, 0] = 1.0
    assert diverse_order(torch.tensor([5.0, 4.0, 0.1]), similarity).tolist() == [0, 2, 1]


def test_without_importance_the_order_is_that_of_the_channels() -> None:
    assert diverse_order(torch.zeros(4), torch.eye(4)).tolist() == [0, 1, 2, 3]


def test_always_the_filter_with_the_most_importance_that_is_not_explained_comes_next() -> None:
    """Against least squares on the activations themselves."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        activations = torch.rand(40, 8, generator=generator, dtype=torch.float64)
        activations = activations / activations.norm(dim=0)
        importance = torch.rand(8, generator=generator, dtype=torch.float64)
        order = diverse_order(importance, activations.T @ activations).tolist()
        assert sorted(order) == list(range(8))
        for step in range(1, 8):
            chosen = activations[:, order[:step]]
            solution = torch.linalg.lstsq(chosen, activations).solution
            new = (activations - chosen @ solution).square().sum(0) * importance
            left = [i for i in range(8) if i not in order[:step]]
            assert new[order[step]] >= 0.99 * max(new[i] for i in left)


def _one_sided(architecture: Architecture) -> tuple[Network, tuple[Coupling, ...], int, str]:
    """A network of which half of the last filters of one decoder are copies of the first."""
    network = build_network(architecture.dense, seed=0)
    found = couplings(network)
    index, coupling = next(
        (i, c)
        for i, c in enumerate(found)
        if any(cut.module.endswith("level4.merge.0") and cut.side == "out" for cut in c.cuts)
    )
    name = next(cut.module for cut in coupling.cuts if cut.side == "out")
    with torch.no_grad():
        weight = network.get_parameter(f"{name}.weight")
        weight[1 : len(weight) // 2] = weight[:1]
    return network, found, index, name


@pytest.fixture
def fpn(small_architectures: Callable[[int], list[Architecture]]) -> Architecture:
    return next(a for a in small_architectures(40) if a.pruning and a.decoder.kind == "fpn")


def _frames(architecture: Architecture) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (2, architecture.streams, 3, 64, 96)
    return [torch.randn(*shape, generator=generator) for _ in range(2)]


def test_copies_in_a_network_come_last(fpn: Architecture) -> None:
    network, found, index, _ = _one_sided(fpn)
    count = found[index].channels
    importance = {"any": [torch.ones(coupling.channels) for coupling in found]}
    importance["any"][index][: count // 2] = 100.0
    order = filter_orders(network, found, importance, _frames(fpn))[index].tolist()
    assert order[0] < count // 2
    assert sorted(order[-(count // 2 - 1) :]) == sorted(set(range(count // 2)) - {order[0]})


def test_every_order_is_a_permutation_and_the_network_stays_as_it_was(
    all_task_architectures: Callable[[int], list[Architecture]],
) -> None:
    """Of networks of one and of two frames, with links, branches and augmentations."""
    for architecture in all_task_architectures(4):
        network = build_network(architecture.dense, seed=0)
        before = {key: value.clone() for key, value in network.state_dict().items()}
        found = couplings(network)
        network.train()
        importance = {"a": [torch.rand(c.channels) for c in found]}
        orders = filter_orders(network, found, importance, _frames(architecture))
        for coupling, order in zip(found, orders, strict=True):
            assert sorted(order.tolist()) == list(range(coupling.channels))
        assert network.training
        assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
        assert not any(m._forward_hooks for m in network.modules() if isinstance(m, nn.Conv2d))


def test_importance_is_summed_over_tasks(fpn: Architecture) -> None:
    network = build_network(fpn.dense, seed=0)
    found = couplings(network)
    first = [torch.rand(c.channels) for c in found]
    second = [torch.rand(c.channels) for c in found]
    together = [a + b for a, b in zip(first, second, strict=True)]
    frames = _frames(fpn)
    got = filter_orders(network, found, {"a": first, "b": second}, frames)
    wanted = filter_orders(network, found, {"any": together}, frames)
    assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))
