from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nas.network import Network, build_network
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import ENCODERS, EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.sharing import Sharing

NAMES = ("depth", "motion", "segmentation")


def _network(depth: str, width: int = 64) -> Network:
    return build_network(
        Architecture(
            tasks=DEFAULT_TASKS,
            sharing=Sharing.shared(NAMES),
            encoder=EncoderSpec(depth=depth, width=width),
        )
    )


@pytest.mark.parametrize(
    ("depth", "params"),
    [
        ("resnet18", 11_176_512),
        ("resnet34", 21_284_672),
        ("resnet50", 23_508_032),
        ("resnet101", 42_500_160),
    ],
)
def test_parameters_are_those_of_the_published_networks_without_classifier(
    depth: str, params: int
) -> None:
    assert sum(p.numel() for p in _network(depth).trunk.parameters()) == params


def test_parameter_names_are_those_of_the_usual_state_dicts() -> None:
    names = set(_network("resnet18", 8).trunk.state_dict())
    assert {"conv1.weight", "bn1.running_mean", "layer2.0.downsample.0.weight"} <= names
    assert {"layer2.0.downsample.1.bias", "layer4.1.bn2.num_batches_tracked"} <= names
    assert not [name for name in names if name.startswith(("layer1.0.downsample", "fc"))]
    bottlenecks = set(_network("resnet50", 8).trunk.state_dict())
    assert {"layer1.0.downsample.0.weight", "layer3.5.conv3.weight"} <= bottlenecks


@pytest.mark.parametrize("depth", ENCODERS)
def test_each_stage_halves_the_sides_and_widens(depth: str) -> None:
    network = _network(depth, 8).eval()
    spec = network.plan.architecture.encoder
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        for stage, stride in enumerate((4, 4, 8, 16, 32)):
            x = network.trunk.stage(stage, x)
            assert x.shape == (1, spec.channels(stage), 64 // stride, 96 // stride)
            assert x.min() >= 0


def test_bottlenecks_have_their_stride_in_the_three_by_three_convolution() -> None:
    block = _network("resnet50", 8).trunk.get_submodule("layer2.0")
    strides = [block.get_submodule(name).stride for name in ("conv1", "conv2", "conv3")]
    assert strides == [(1, 1), (2, 2), (1, 1)]


def test_a_block_is_convolutions_beside_a_shortcut() -> None:
    block = _network("resnet18", 8).eval().trunk.get_submodule("layer1.1")
    x = torch.rand(1, 8, 6, 6)
    torch.nn.init.zeros_(block.get_parameter("bn2.weight"))
    with torch.no_grad():
        torch.testing.assert_close(block(x), x)


def test_a_basic_first_stage_needs_a_shortcut_where_it_reads_augmented_maps() -> None:
    architecture = Architecture(
        tasks=DEFAULT_TASKS,
        sharing=Sharing.shared(NAMES, 1),
        encoder=EncoderSpec(depth="resnet18", width=8),
        augmentations=(Augmentation(task="motion", stage=0, channels=8),),
    )
    layers = build_network(architecture).plan.layers
    assert layers["encoder.motion.layer1.0.downsample.0"].inputs == (8, 8)
    assert "encoder.depth.layer1.0.downsample.0" not in layers
    plain = build_network(replace(architecture, augmentations=())).plan.layers
    assert "encoder.motion.layer1.0.downsample.0" not in plain
