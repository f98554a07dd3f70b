from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from nas.network import Network, build_network
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import FilterRatio
from search_spaces.sharing import Sharing
from search_spaces.synergy import SynergyLink

NAMES = ("depth", "motion", "segmentation")
SMALL = Architecture(
    tasks=DEFAULT_TASKS,
    sharing=Sharing.shared(NAMES, 3),
    encoder=EncoderSpec(depth="resnet10", width=8),
    decoder=DecoderSpec(width=16),
    streams=2,
)


def _frames(streams: int, height: int = 64, width: int = 96, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(batch, streams, 3, height, width, generator=generator)


def _lively(network: Network) -> Network:
    """Normalisations as after training, so that nothing is equal by being trivial."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                assert tensor is not None
                tensor.data.uniform_(0.5, 1.5, generator=generator)
            for tensor in (module.bias, module.running_mean):
                assert tensor is not None
                tensor.data.normal_(0, 0.3, generator=generator)
        elif isinstance(module, nn.Conv2d) and module.bias is not None:
            module.bias.data.normal_(0, 0.3, generator=generator)
    return network


def _noted_calls(network: Network) -> list[str]:
    """Paths of convolutions, filled as they run."""
    calls: list[str] = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    return calls


def _assert_close(got: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert list(got) == list(wanted)
    for task, value in wanted.items():
        torch.testing.assert_close(got[task], value, rtol=1e-4, atol=1e-4)


def test_outputs_have_the_shape_of_their_task_at_input_resolution(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(16):
        outputs = build_network(architecture).eval()(_frames(architecture.streams))
        assert list(outputs) == [n for n in NAMES if n not in architecture.auxiliary]
        for name, output in outputs.items():
            assert output.shape == (2, architecture.task(name).channels, 64, 96)
            assert output.dtype == torch.float32


def test_streaming_equals_two_frames_at_once(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(16):
        network = _lively(build_network(architecture)).eval()
        frames = _frames(architecture.streams)
        with torch.no_grad():
            before = network.features(frames[:, 1]) if architecture.streams == 2 else {}
            outputs, after = network.streaming(frames[:, 0], before)
            _assert_close(outputs, network(frames))
        assert after.keys() == before.keys()


def test_a_stream_of_frames_gives_what_pairs_of_frames_give() -> None:
    network = _lively(build_network(SMALL)).eval()
    frames = _frames(4, batch=1)
    with torch.no_grad():
        features = network.features(frames[:, 3])
        for t in (2, 1, 0):
            outputs, features = network.streaming(frames[:, t], features)
            _assert_close(outputs, network(frames[:, [t, t + 1]]))


def test_the_previous_frame_matters_and_only_as_the_second() -> None:
    for fusion in ("concat", "recurrent"):
        network = _lively(build_network(replace(SMALL, fusion=fusion))).eval()  # type: ignore[arg-type]
        frames = _frames(2)
        with torch.no_grad():
            assert not torch.allclose(network(frames)["motion"], network(frames.flip(1))["motion"])


def test_the_traced_form_equals_the_forward_pass(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(8):
        network = _lively(build_network(architecture)).eval()
        frames = _frames(architecture.streams)
        with torch.no_grad():
            _assert_close(network.trace(frames[:, 0], frames[:, -1]), network(frames))


def test_odd_sides_are_padded_inside_and_cropped() -> None:
    network = _lively(build_network(SMALL)).eval()
    frames = _frames(2, 50, 70)
    padded = torch.zeros(2, 2, 3, 64, 96)
    padded[..., :50, :70] = frames
    with torch.no_grad():
        wanted = {task: x[..., :50, :70] for task, x in network(padded).items()}
        _assert_close(network(frames), wanted)


@pytest.mark.parametrize("streams", [1, 2])
def test_a_wrong_number_of_frames_is_said(streams: int) -> None:
    network = build_network(replace(SMALL, streams=streams))
    with pytest.raises(ValueError, match=f"this network reads {streams}"):
        network(_frames(3 - streams))


def test_every_layer_of_the_plan_runs_once_and_there_is_no_other(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(16):
        network = build_network(architecture).eval()
        calls = _noted_calls(network)
        image = _frames(1)[:, 0]
        with torch.no_grad():
            before = network.features(image)
            calls.clear()
            network.streaming(image, before)
        assert sorted(calls) == sorted(network.plan.layers)


def test_features_to_begin_with_run_only_what_the_next_frame_needs() -> None:
    """FCN8 never looks at stage 1 of the frame before but needs it for stage 2; no decoder runs."""
    network = build_network(replace(SMALL, decoder=DecoderSpec(kind="fcn8"))).eval()
    calls = _noted_calls(network)
    with torch.no_grad():
        kept = network.features(_frames(1)[:, 0])
    assert {name.split(".")[0] for name in calls} == {"encoder"}
    assert not [name for name in kept if name.endswith("layer1")]


def test_equal_seeds_give_equal_networks_whatever_torch_drew_before() -> None:
    first = build_network(SMALL, seed=3).state_dict()
    torch.rand(5)
    second = build_network(SMALL, seed=3).state_dict()
    other = build_network(SMALL, seed=4).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(
        first["decoder.depth.head.score.weight"], other["decoder.depth.head.score.weight"]
    )


def test_weights_load_from_the_training_network_into_the_one_without_auxiliary_tasks() -> None:
    link = SynergyLink(source="depth", target="motion", level=16)
    architecture = replace(SMALL, links=(link,), auxiliary=("depth",))
    trained = _lively(build_network(architecture, training=True)).eval()
    deployed = build_network(architecture, seed=9).eval()
    state = trained.state_dict()
    assert set(deployed.state_dict()) < set(state)
    deployed.load_state_dict({key: state[key] for key in deployed.state_dict()})
    with torch.no_grad():
        outputs = trained(_frames(2))
        assert set(outputs) == set(NAMES)
        outputs.pop("depth")
        _assert_close(deployed(_frames(2)), outputs)


# --- gradients ----------------------------------------------------------------------------------


def _reached(network: Network, task: str) -> set[str]:
    """Nodes of the plan that a task's output gives a gradient to."""
    network.zero_grad(set_to_none=True)
    network.train()(_frames(network.streams))[task].square().sum().backward()
    return {
        node.name
        for node in network.plan.nodes
        for layer in node.layers
        if _has_gradient(network, f"{node.name.removesuffix('.stem')}.{layer.name}")
    }


def _has_gradient(network: Network, path: str) -> bool:
    gradient = network.get_parameter(f"{path}.weight").grad
    return gradient is not None and bool(gradient.abs().sum() > 0)


def _is_private(node: str, task: str) -> bool:
    return node.split(".")[1] == task


@pytest.mark.parametrize("task", NAMES)
def test_a_task_without_links_trains_its_own_parts_and_the_trunk(task: str) -> None:
    augmentations = tuple(Augmentation(task=n, stage=s, channels=8) for n in NAMES for s in (1, 2))
    network = build_network(replace(SMALL, augmentations=augmentations))
    reached = _reached(network, task)
    own = {n.name for n in network.plan.nodes if _is_private(n.name, task)}
    trunk = {n.name for n in network.plan.nodes if n.name.startswith("encoder.depth+motion")}
    assert own
    assert trunk
    assert reached == own | trunk


def test_a_pruned_prefix_gives_the_dropped_channels_no_gradient() -> None:
    pruned = replace(SMALL, pruning=(FilterRatio(task="depth", part="shared", ratio=0.5),))
    network = build_network(replace(pruned, encoder=EncoderSpec(depth="resnet10", width=16)))
    network.train()
    features = network._encode(_frames(1)[:, 0])
    shared = features["encoder.depth+motion+segmentation.layer2"]
    shared.retain_grad()
    network._decode(features, {k: v.detach() for k, v in network._kept(features).items()})[
        "depth"
    ].sum().backward()
    assert shared.grad is not None
    assert shared.grad[:, :16].abs().sum() > 0
    assert shared.grad[:, 16:].abs().sum() == 0


@pytest.mark.parametrize("operation", ["add", "concat", "gate"])
def test_a_link_carries_gradient_from_target_to_source_and_not_back(operation: str) -> None:
    link = SynergyLink(source="depth", target="motion", level=8, operation=operation)  # type: ignore[arg-type]
    network = build_network(replace(SMALL, links=(link,)))
    by_motion, by_depth = _reached(network, "motion"), _reached(network, "depth")
    assert {"decoder.depth.level8", "decoder.depth.level32", "encoder.depth.layer4"} <= by_motion
    assert not {"decoder.depth.level4", "decoder.depth.head"} & by_motion
    assert "link.depth>motion.level8" in by_motion
    assert not [name for name in by_depth if _is_private(name, "motion") or "link" in name]
    assert not [name for name in by_motion if _is_private(name, "segmentation")]


def test_gradients_reach_exactly_the_nodes_whose_readers_name_the_task(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(10):
        network = build_network(architecture, training=True)
        for task in network.plan.outputs:
            expected = {node.name for node in network.plan.nodes if task in node.readers}
            assert _reached(network, task) == expected, (architecture.id, task)


def test_the_previous_frame_trains_the_encoder_too() -> None:
    network = build_network(SMALL).train()
    frames = _frames(2).requires_grad_()
    network(frames)["motion"].square().sum().backward()
    assert frames.grad is not None
    assert frames.grad[:, 1].abs().sum() > 0
