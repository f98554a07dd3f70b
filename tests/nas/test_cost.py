from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
import torch
from torch import Tensor, nn

from nas.compile import compile_plan
from nas.cost import cost_of, peak_activation_bytes, plan_cost
from nas.measured_cost import count_macs
from nas.network import Network, build_network
from nas.plan import Plan
from nas.resolution import Resolution
from nas.streaming import StreamingForm
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import preset, preset_names
from search_spaces.sharing import Sharing
from search_spaces.space import SearchSpace
from search_spaces.synergy import SynergyLink

SMALL = Resolution(96, 64)
NAMES = ("depth", "motion", "segmentation")


def test_macs_and_params_equal_independent_counts(
    small_architectures: Callable[[int], list[Architecture]],
    all_task_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(12) + all_task_architectures(2):
        network = build_network(architecture)
        cost = cost_of(architecture, SMALL)
        assert cost.macs == count_macs(network, SMALL), architecture.id
        assert cost.params == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", preset_names(DEFAULT_TASKS))
def test_presets_cost_what_fvcore_counts(name: str) -> None:
    architecture = preset(name, DEFAULT_TASKS)
    assert cost_of(architecture, SMALL).macs == count_macs(build_network(architecture), SMALL)


def test_sides_are_counted_as_they_are_padded() -> None:
    architecture = preset("shared", DEFAULT_TASKS)
    odd = Resolution(90, 50)
    assert cost_of(architecture, odd).macs == cost_of(architecture, SMALL).macs
    assert cost_of(architecture, odd).macs == count_macs(build_network(architecture), odd)


def test_cost_by_task_sums_to_the_total(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(100):
        cost = cost_of(architecture)
        assert sum(cost.macs_by_task.values()) == cost.macs
        assert sum(cost.params_by_task.values()) == cost.params
        outputs = set(NAMES) - set(architecture.auxiliary)
        assert {name for key in cost.macs_by_task for name in key.split("+")} == outputs


def test_shared_work_stands_under_its_readers() -> None:
    shared = cost_of(preset("shared", DEFAULT_TASKS))
    independent = cost_of(preset("independent", DEFAULT_TASKS))
    assert set(shared.macs_by_task) == {*NAMES, "depth+motion+segmentation"}
    assert set(independent.macs_by_task) == set(NAMES)
    trunk = shared.macs_by_task["depth+motion+segmentation"]
    assert independent.macs - shared.macs == 2 * trunk


def test_a_network_of_an_auxiliary_task_costs_as_if_the_task_were_not_there() -> None:
    alone = Architecture(tasks=DEFAULT_TASKS[:2], sharing=Sharing.shared(("depth", "segmentation")))
    helped = Architecture(tasks=DEFAULT_TASKS, sharing=Sharing.shared(NAMES), auxiliary=("motion",))
    assert cost_of(helped).macs == cost_of(alone).macs
    linked = replace(helped, links=(SynergyLink(source="motion", target="depth", level=32),))
    trained = plan_cost(compile_plan(linked, training=True))
    assert cost_of(alone).macs < cost_of(linked).macs < trained.macs


def test_the_second_frame_costs_no_second_encoder() -> None:
    two = preset("shared", DEFAULT_TASKS)
    one = replace(two, streams=1)
    trunk = "depth+motion+segmentation"
    assert cost_of(two).macs_by_task[trunk] == cost_of(one).macs_by_task[trunk]
    assert cost_of(two).macs > cost_of(one).macs


def test_cost_takes_under_five_milliseconds_a_candidate() -> None:
    space = SearchSpace.for_tasks(DEFAULT_TASKS)
    rng = Random(0)
    architectures = [space.sample(rng) for _ in range(50)]
    start = time.process_time()
    for architecture in architectures:
        plan_cost(compile_plan.__wrapped__(architecture))
    assert (time.process_time() - start) / len(architectures) < 0.005


def test_the_default_space_straddles_thirty_tops() -> None:
    space = SearchSpace.for_tasks(DEFAULT_TASKS)
    rng = Random(0)
    macs = sorted(cost_of(space.sample(rng)).macs for _ in range(200))
    assert macs[0] < 37.5e9 / 4
    assert macs[-1] > 37.5e9 * 2


def test_activation_peak_equals_a_brute_force_over_measured_maps(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(12):
        network = build_network(architecture)
        expected = _peak_by_hooks(network)
        assert peak_activation_bytes(network.plan, SMALL) == expected, architecture.id


def test_activation_peak_of_a_known_network() -> None:
    """ResNet-18 at width 64: the stem's convolution and what it reads are the largest pair."""
    architecture = Architecture(
        tasks=DEFAULT_TASKS[:1],
        sharing=Sharing.independent(("segmentation",)),
        encoder=EncoderSpec(depth="resnet18", width=64),
    )
    resolution = Resolution(64, 64)
    stem = (3 * 64 * 64 + 64 * 32 * 32) * 4
    assert cost_of(architecture, resolution).activation_bytes == stem


def _peak_by_hooks(network: Network) -> int:
    """Bytes alive at once, from the sizes of real tensors and a plain search of later readers."""
    plan = network.plan
    largest: dict[str, int] = {}
    outputs: dict[str, int] = {}
    handles = []
    for path in plan.layers:
        module = network.get_submodule(path)
        handles.append(module.register_forward_hook(_remember(largest, path)))
    form = StreamingForm(network).eval()
    inputs = form.random_inputs(SMALL, torch.Generator().manual_seed(0))
    run = network._run_encoder, network._run_decoder
    network._run_encoder = lambda node, x: _noted(outputs, node.name, run[0](node, x))  # type: ignore[method-assign]
    network._run_decoder = lambda node, *a: _noted(outputs, node.name, run[1](node, *a))  # type: ignore[method-assign]
    with torch.no_grad():
        form(*inputs)
    kept = sum(x.numel() for x in inputs[1:])
    peak = 0
    alive: set[str] = set()
    for index, node in enumerate(plan.nodes):
        held = kept + sum(outputs[name] for name in alive)
        paths = [f"{node.name.removesuffix('.stem')}.{layer.name}" for layer in node.layers]
        alive.add(node.name)
        after = kept + sum(outputs[name] for name in alive)
        peak = max(peak, after, held + max(largest[path] for path in paths))
        alive = {name for name in alive if _is_needed(plan, name, index)}
    return 4 * peak


def _is_needed(plan: Plan, name: str, index: int) -> bool:
    later = any(read.node == name for node in plan.nodes[index + 1 :] for read in node.reads)
    return later or name in plan.features or name in plan.outputs.values()


def _remember(
    largest: dict[str, int], path: str
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        largest[path] = inputs[0].numel() + output.numel()

    return hook


def _noted(outputs: dict[str, int], name: str, value: Tensor) -> Tensor:
    outputs[name] = value.numel()
    return value
