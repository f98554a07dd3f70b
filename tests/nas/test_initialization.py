from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from nas.head import Head
from nas.network import build_network
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.sharing import Sharing
from search_spaces.synergy import SynergyLink

NAMES = ("depth", "motion", "segmentation")
SHARED = Architecture(
    tasks=DEFAULT_TASKS,
    sharing=Sharing.shared(NAMES),
    encoder=EncoderSpec(depth="resnet18", width=32),
    streams=2,
    fusion="recurrent",
)


def test_the_same_part_begins_with_the_same_weights_in_another_network() -> None:
    one = build_network(SHARED).state_dict()
    link = SynergyLink(source="depth", target="motion", level=8)
    other = build_network(replace(SHARED, links=(link,), fusion="concat")).state_dict()
    common = [k for k in one if k in other and one[k].shape == other[k].shape]
    assert len(common) > 100
    assert all(torch.equal(one[key], other[key]) for key in common)


@pytest.mark.parametrize("path", ["layer3.0.conv2", "layer4.1.conv1"])
def test_convolutions_are_normal_with_hes_variance_of_the_fan_out(path: str) -> None:
    convolution = build_network(SHARED).trunk.get_submodule(path)
    assert isinstance(convolution, nn.Conv2d)
    fan_out = convolution.out_channels * 9
    std = convolution.weight.std().item()
    assert std == pytest.approx(math.sqrt(2 / fan_out), rel=0.02)
    assert abs(convolution.weight.mean().item()) < 0.02 * std


def test_no_two_layers_of_one_shape_begin_equal() -> None:
    trunk = build_network(SHARED).trunk
    blocks = [trunk.get_submodule(f"layer1.{i}.conv{j}") for i in (0, 1) for j in (1, 2)]
    weights = [block.get_parameter("weight") for block in blocks]
    assert not any(torch.equal(a, b) for i, a in enumerate(weights) for b in weights[:i])


def test_scores_begin_small_and_gates_open() -> None:
    network = build_network(SHARED)
    for module in network.modules():
        if isinstance(module, Head):
            assert module.score.weight.std() < 0.02
            assert module.score.bias is not None
            assert not module.score.bias.any()
    gate = network.get_submodule("fusion.depth+motion+segmentation.layer1.gate")
    assert torch.equal(gate.get_parameter("bias"), torch.ones(32))


def test_activations_neither_vanish_nor_explode_at_the_start() -> None:
    network = build_network(SHARED).train()
    maps = network._encode(torch.randn(2, 3, 64, 64))
    for stage in (1, 2, 3, 4):
        std = maps[f"encoder.depth+motion+segmentation.layer{stage}"].std().item()
        assert 0.1 < std < 10
