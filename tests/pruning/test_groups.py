from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from nas.network import Network, build_network
from pruning.groups import couplings
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import DEPTH
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.sharing import Sharing


def _widths(network: Network, module: str) -> dict[str, int]:
    found = network.get_submodule(module)
    if isinstance(found, nn.BatchNorm2d):
        return {"out": found.num_features, "in": found.num_features}
    assert isinstance(found, nn.Conv2d | nn.ConvTranspose2d)
    return {"out": found.out_channels, "in": found.in_channels}


def test_couplings_cover_every_output_and_every_input_but_the_images_once(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(10):
        network = build_network(architecture.dense, training=True)
        positions: dict[tuple[str, str], list[int]] = {}
        for coupling in couplings(network):
            for cut in coupling.cuts:
                assert len(cut.positions) == len(cut.channels)
                assert 0 <= int(cut.channels.min()) <= int(cut.channels.max()) < coupling.channels
                positions.setdefault((cut.module, cut.side), []).extend(cut.positions.tolist())
        for name, layer in network.plan.layers.items():
            assert sorted(set(positions[name, "out"])) == list(range(layer.out_channels)), name
            if layer.inputs == (3,) or layer.groups > 1:  # depthwise: inputs are its outputs
                assert (name, "in") not in positions
            else:
                assert sorted(set(positions[name, "in"])) == list(range(layer.in_channels)), name
        for (name, side), found in positions.items():
            assert max(found) < _widths(network, name)[side]


def test_channels_joined_by_a_residual_sum_are_one_coupling(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    network = build_network(small_architectures(10)[0].dense)
    trunk = next(n.name for n in network.plan.nodes if n.kind == "stage" and n.stage == 2)
    last = [name for name in network.plan.layers if name.startswith(trunk)]
    assert not any(n.endswith("project_conv") for n in last)
    summed = {n for n in last if n.endswith((".downsample.0", ".conv3"))}
    if not any(n.endswith(".conv3") for n in last):
        summed |= {n for n in last if n.endswith(".conv2")}
    homes = [
        index
        for index, coupling in enumerate(couplings(network))
        for cut in coupling.cuts
        if cut.module in summed and cut.side == "out"
    ]
    assert len(homes) == len(summed) > 1
    assert len(set(homes)) == 1


def test_inverted_bottlenecks_have_one_coupling_inside_and_one_a_width() -> None:
    network = build_network(_depth_network("efficientnet_lite0"))
    homes: dict[str, list[int]] = {}
    for index, coupling in enumerate(couplings(network)):
        for cut in coupling.cuts:
            if cut.side == "out":
                homes.setdefault(cut.module.removeprefix("encoder.depth."), []).append(index)
    assert all(len(found) == 1 for found in homes.values())  # depthwise ones are no roots
    first = "layer3.0."
    assert homes[f"{first}expand_conv"] == homes[f"{first}depthwise_conv"]
    assert homes[f"{first}expand_conv"] != homes[f"{first}project_conv"]
    summed = [homes[f"layer3.{block}.project_conv"][0] for block in range(6)]
    assert len(set(summed[:3])) == len(set(summed[3:])) == 1
    assert summed[0] != summed[3]
    assert homes["layer1.0.project_conv"] == homes["layer0.1.project_conv"]


def test_magnitude_counts_depthwise_kernels() -> None:
    network = build_network(_depth_network("efficientnet_lite0"))
    name = "encoder.depth.layer2.1.depthwise_conv"
    found = next(c for c in couplings(network) if (name, "out") in _sides(c.cuts))
    block = network.get_submodule("encoder.depth.layer2.1")
    wanted = (
        block.get_parameter("expand_conv.weight").square().sum((1, 2, 3))
        + block.get_parameter("bn0.weight").square()
        + block.get_parameter("depthwise_conv.weight").square().sum((1, 2, 3))
        + block.get_parameter("bn1.weight").square()
        + block.get_parameter("project_conv.weight").square().sum((0, 2, 3))
    )
    torch.testing.assert_close(found.score("magnitude"), wanted.detach())


def test_magnitude_is_the_squared_norm_of_what_a_channel_holds() -> None:
    network = build_network(_depth_network("resnet10"))
    name = "encoder.depth.layer1.0.conv1"
    found = next(c for c in couplings(network) if (name, "out") in _sides(c.cuts))
    block = network.get_submodule("encoder.depth.layer1.0")
    first, second = block.get_parameter("conv1.weight"), block.get_parameter("conv2.weight")
    wanted = (
        first.square().sum((1, 2, 3))
        + block.get_parameter("bn1.weight").square()
        + second.square().sum((0, 2, 3))
    )
    torch.testing.assert_close(found.score("magnitude"), wanted.detach())


def _depth_network(encoder: str) -> Architecture:
    return Architecture(
        tasks=(DEPTH,),
        sharing=Sharing.independent(("depth",)),
        encoder=EncoderSpec(depth=encoder, width=8),
        decoder=DecoderSpec(width=8),
    )


def _sides(cuts: object) -> set[tuple[str, str]]:
    return {(cut.module, cut.side) for cut in cuts}  # type: ignore[attr-defined]
