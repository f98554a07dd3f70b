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
        # 4.652 M as published, less the head's convolution, its normalisation and the classifier
        ("efficientnet_lite0", 4_652_008 - 320 * 1280 - 2 * 1280 - 1281 * 1000),
    ],
)
def test_parameters_are_those_of_the_published_networks_without_classifier(
    depth: str, params: int
) -> None:
    trunk = _network(depth, ENCODERS[depth].native_width).trunk
    assert sum(p.numel() for p in trunk.parameters()) == params


def test_parameter_names_are_those_of_the_usual_state_dicts() -> None:
    names = set(_network("resnet18", 8).trunk.state_dict())
    assert {"conv1.weight", "bn1.running_mean", "layer2.0.downsample.0.weight"} <= names
    assert {"layer2.0.downsample.1.bias", "layer4.1.bn2.num_batches_tracked"} <= names
    assert not [name for name in names if name.startswith(("layer1.0.downsample", "fc"))]
    bottlenecks = set(_network("resnet50", 8).trunk.state_dict())
    assert {"layer1.0.downsample.0.weight", "layer3.5.conv3.weight"} <= bottlenecks


@pytest.mark.parametrize("depth", ENCODERS)
@pytest.mark.parametrize("width", [8, 24])
def test_each_stage_halves_the_sides_and_widens(depth: str, width: int) -> None:
    network = _network(depth, width).eval()
    spec = network.plan.architecture.encoder
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        for stage, stride in enumerate((4, 4, 8, 16, 32)):
            x = network.trunk.stage(stage, x)
            assert x.shape == (1, spec.channels(stage), 64 // stride, 96 // stride)
            assert (x.min() >= 0) == (ENCODERS[depth].family == "resnet")


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


def test_inverted_bottlenecks_filter_each_channel_alone_with_the_padding_of_tensorflow() -> None:
    trunk = _network("efficientnet_lite0", 8).eval().trunk
    for name, zeros in (("conv_stem", (0, 1)), ("layer2.0.depthwise_conv", (1, 2))):
        conv = trunk.get_submodule(name)
        assert isinstance(conv, torch.nn.Conv2d)
        x = torch.rand(1, conv.in_channels, 8, 12)
        padded = torch.nn.functional.pad(x, zeros * 2)
        wanted = torch.nn.functional.conv2d(padded, conv.weight, stride=2, groups=conv.groups)
        torch.testing.assert_close(conv(x), wanted)
        assert wanted.shape[-2:] == (4, 6)
    assert trunk.get_submodule("layer2.0.depthwise_conv").groups == 48


def test_inverted_bottlenecks_end_without_activation_and_add_their_input_where_it_fits() -> None:
    trunk = _network("efficientnet_lite0", 32).eval().trunk
    adds = {
        f"{stage}.{index}": block.residual
        for stage in range(5)
        for index, block in trunk.get_submodule(f"layer{stage}").named_children()
    }
    published = {"1.0", "2.1", "3.1", "3.2", "3.4", "3.5", "4.1", "4.2", "4.3"}
    assert {name for name, residual in adds.items() if residual} == published
    block = trunk.get_submodule("layer2.1")
    torch.nn.init.zeros_(block.get_parameter("bn2.weight"))
    x = torch.randn(1, 40, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(block(x), x)


def test_relu6_bounds_what_is_inside_an_inverted_bottleneck() -> None:
    block = _network("efficientnet_lite0", 8).eval().trunk.get_submodule("layer2.1")
    seen: list[torch.Tensor] = []
    block.get_submodule("project_conv").register_forward_hook(lambda _, x, __: seen.append(x[0]))
    with torch.no_grad():
        block(1e4 * torch.randn(1, 16, 6, 6))
    assert seen[0].min() == 0
    assert seen[0].max() == 6


def test_a_stage_of_inverted_bottlenecks_projects_augmented_maps_for_its_sum() -> None:
    architecture = Architecture(
        tasks=DEFAULT_TASKS,
        sharing=Sharing.shared(NAMES, 1),
        encoder=EncoderSpec(depth="efficientnet_lite0", width=32),
        augmentations=(Augmentation(task="motion", stage=0, channels=8),),
    )
    network = build_network(architecture)
    layers = network.plan.layers
    assert layers["encoder.motion.layer1.0.expand_conv"].inputs == (24, 8)
    assert layers["encoder.motion.layer1.0.expand_conv"].out_channels == 144
    assert layers["encoder.motion.layer1.0.downsample.0"].inputs == (24, 8)
    assert "encoder.depth.layer1.0.downsample.0" not in layers
    network(torch.randn(2, 1, 3, 32, 64))
