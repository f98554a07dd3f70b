from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from nas.network import Network, build_network
from nas.weighting import WeightingStep
from nas.weighting_step import ParameterReaders, unchanged_statistics
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.sharing import Sharing
from search_spaces.synergy import SynergyLink

NAMES = ("depth", "motion", "segmentation")


@pytest.fixture(scope="module")
def network() -> Network:
    """Depth and motion part after stage 3, segmentation after stage 1; depth's decoder is read."""
    return build_network(
        Architecture(
            tasks=DEFAULT_TASKS,
            sharing=Sharing.from_parents(
                NAMES, {"motion": ("depth", 4), "segmentation": ("depth", 2)}
            ),
            encoder=EncoderSpec(depth="resnet10", width=16),
            links=(SynergyLink(source="depth", target="segmentation", level=8),),
            augmentations=(Augmentation(task="depth", stage=3, channels=8),),
        )
    )


def step_of(network: Network, names: tuple[str, ...]) -> WeightingStep:
    losses = {name: torch.ones(()) for name in names}
    return ParameterReaders(network).step(losses, dict)


@pytest.mark.parametrize(
    "names", [NAMES, ("depth", "segmentation"), ("motion", "depth"), NAMES[:1]]
)
def test_shared_is_what_autograd_finds_in_several_tasks(
    network: Network, names: tuple[str, ...]
) -> None:
    step = step_of(network, names)
    shared = {id(p) for p in step.shared}
    own = {id(p) for p in step.own}
    outputs = network.train()(torch.randn(2, 1, 3, 64, 64))
    needed: dict[int, int] = {}
    for name in names:
        gradients = torch.autograd.grad(
            outputs[name].sum(), list(network.parameters()), allow_unused=True, retain_graph=True
        )
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            needed[id(parameter)] = needed.get(id(parameter), 0) + (gradient is not None)
    assert shared == {p for p, tasks in needed.items() if tasks > 1}
    assert not shared & own
    assert shared | own == {id(p) for p in network.parameters()}


def test_the_last_shared_parameter_is_the_deepest_that_most_tasks_need(network: Network) -> None:
    network = build_network(replace(network.plan.architecture, links=()))
    paths = {id(p): name for name, p in network.named_parameters()}
    assert paths[id(step_of(network, NAMES).shared[-1])].startswith(
        "encoder.depth+motion+segmentation.layer1"
    )
    assert paths[id(step_of(network, ("depth", "motion")).shared[-1])].startswith(
        "encoder.depth+motion.layer3"
    )


def test_stages_of_the_encoder_come_after_what_joins_their_frames(network: Network) -> None:
    two = replace(
        network.plan.architecture, streams=2, fusion="recurrent", sharing=Sharing.shared(NAMES)
    )
    joined = build_network(two)
    paths = {id(p): name for name, p in joined.named_parameters()}
    assert "layer4" in paths[id(step_of(joined, NAMES).shared[-1])]


def test_nothing_is_shared_between_separate_networks(network: Network) -> None:
    apart = replace(network.plan.architecture, sharing=Sharing.independent(NAMES), links=())
    assert not step_of(build_network(apart), NAMES).shared


def test_a_second_look_at_a_batch_leaves_the_running_averages_alone(network: Network) -> None:
    frames: Any = torch.randn(2, 1, 3, 64, 64)
    network.train()
    network(frames)
    before = {n: b.clone() for n, b in network.named_buffers() if "running" in n}
    with torch.no_grad(), unchanged_statistics(network):
        network(frames)
    assert before
    assert all(torch.equal(b, network.get_buffer(n)) for n, b in before.items())
    network(frames)
    assert not all(torch.equal(b, network.get_buffer(n)) for n, b in before.items())
