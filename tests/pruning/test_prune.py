from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from nas.cost import cost_of
from nas.measured_cost import count_macs
from nas.network import Network, build_network
from nas.resolution import Resolution
from pruning.groups import Coupling, couplings
from pruning.prune import _kept, _ranks, _wide, _widths, prune
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.filter_ratios import PARTS, FilterRatio
from search_spaces.sharing import Sharing

NAMES = ("depth", "motion", "segmentation")
SMALL = Resolution(96, 64)
BRANCHED = Architecture(
    tasks=DEFAULT_TASKS,
    sharing=Sharing.shared(NAMES, 3),
    encoder=EncoderSpec(depth="resnet10", width=16),
    decoder=DecoderSpec(width=16),
    pruning=tuple(FilterRatio(task=n, part="shared", ratio=0.5) for n in NAMES),
)


def _lively(architecture: Architecture, *, training: bool = False) -> Network:
    network = build_network(architecture, training=training)
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_var is not None
            assert module.running_mean is not None
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(generator=generator)
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return network


def _random_orders(found: tuple[Coupling, ...], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randperm(coupling.channels, generator=generator) for coupling in found]


def _without_the_dropped(
    dense: Network,
    pruned: Network,
    found: tuple[Coupling, ...],
    orders: list[Tensor],
) -> Network:
    """The dense network with zeros wherever the pruned one has nothing."""
    ranks = _ranks(dense, pruned, found, orders)
    zeroed = copy.deepcopy(dense)
    for name, module in _wide(zeroed):
        kept_out, kept_in = _kept(name, dense, pruned, ranks)
        out = torch.zeros(_widths(module)[0]).index_fill(0, kept_out, 1.0)
        into = torch.zeros(_widths(module)[1]).index_fill(0, kept_in, 1.0)
        if isinstance(module, nn.ConvTranspose2d):
            module.weight.data *= into.view(-1, 1, 1, 1) * out.view(1, -1, 1, 1)
        elif isinstance(module, nn.Conv2d):
            module.weight.data *= out.view(-1, 1, 1, 1)
            if module.groups == 1:
                module.weight.data *= into.view(1, -1, 1, 1)
        else:
            module.weight.data *= out  # type: ignore[operator]
        if module.bias is not None:
            module.bias.data *= out  # type: ignore[operator]
    return zeroed


def test_the_pruned_network_equals_the_dense_one_with_the_dropped_channels_zeroed(
    small_architectures: Callable[[int], list[Architecture]],
    all_task_architectures: Callable[[int], list[Architecture]],
) -> None:
    pruned_ones = [a for a in small_architectures(40) if a.pruning]
    every_task = [a for a in all_task_architectures(4) if a.pruning]
    assert {a.streams for a in every_task} == {1, 2}
    for architecture in pruned_ones[:4] + pruned_ones[-7:] + every_task:
        dense = _lively(architecture.dense).eval()
        found = couplings(dense)
        orders = _random_orders(found)
        pruned = prune(dense, architecture, found, orders)
        zeroed = _without_the_dropped(dense, pruned, found, orders)
        frames = torch.randn(2, architecture.streams, 3, 64, 96)
        with torch.no_grad():
            got, wanted = pruned(frames), zeroed(frames)
        for task in wanted:
            scale = wanted[task].abs().max().item()
            assert (got[task] - wanted[task]).abs().max().item() < 1e-3 * scale, architecture.id


def test_shapes_and_counted_cost_are_the_plans(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in [a for a in small_architectures(40) if a.pruning][-4:]:
        dense = build_network(architecture.dense)
        found = couplings(dense)
        pruned = prune(dense, architecture, found, _random_orders(found))
        wanted = build_network(architecture).state_dict()
        got = pruned.state_dict()
        assert {k: v.shape for k, v in got.items()} == {k: v.shape for k, v in wanted.items()}
        cost = cost_of(architecture, SMALL)
        assert count_macs(pruned, SMALL) == cost.macs < cost_of(architecture.dense, SMALL).macs


def test_the_first_filters_survive_and_lie_in_their_order() -> None:
    dense = _lively(BRANCHED.dense)
    found = couplings(dense)
    name = "encoder.depth+motion+segmentation.layer2.0.conv2"
    index = next(
        i
        for i, coupling in enumerate(found)
        if any(cut.module == name and cut.side == "out" for cut in coupling.cuts)
    )
    orders = _random_orders(found)
    pruned = prune(dense, BRANCHED, found, orders)
    kept = pruned.get_parameter(f"{name[:-5]}bn2.weight")
    wanted = dense.get_parameter(f"{name[:-5]}bn2.weight")[orders[index][:16]]
    assert torch.equal(kept, wanted)


def test_a_task_that_gave_up_nothing_still_sees_every_shared_filter() -> None:
    """Depth reads half of the trunk; so the trunk is only reordered, and motion unchanged."""
    architecture = replace(BRANCHED, pruning=(FilterRatio(task="depth", part="shared", ratio=0.5),))
    dense = _lively(architecture.dense).eval()
    found = couplings(dense)
    pruned = prune(dense, architecture, found, _random_orders(found))
    frames = torch.randn(1, 1, 3, 64, 96)
    with torch.no_grad():
        got, wanted = pruned(frames), dense(frames)
    torch.testing.assert_close(got["motion"], wanted["motion"], rtol=1e-3, atol=1e-3)
    assert not torch.allclose(got["depth"], wanted["depth"], rtol=1e-2)


def test_without_pruning_nothing_changes() -> None:
    dense = _lively(BRANCHED.dense)
    found = couplings(dense)
    same = prune(dense, BRANCHED.dense, found, _random_orders(found))
    wanted = dense.state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in same.state_dict().items())


def test_an_auxiliary_task_is_still_there_after_pruning_a_training_network() -> None:
    pruning = tuple(FilterRatio(task=n, part=p, ratio=0.5) for n in NAMES for p in PARTS)
    architecture = replace(BRANCHED, pruning=pruning, auxiliary=("depth",))
    dense = _lively(architecture.dense, training=True)
    found = couplings(dense)
    pruned = prune(dense, architecture, found, _random_orders(found))
    assert list(pruned(torch.randn(2, 1, 3, 64, 96))) == list(NAMES)


def test_pruning_keeps_the_mode_and_leaves_the_dense_network_alone() -> None:
    dense = _lively(BRANCHED.dense).eval()
    before = {key: value.clone() for key, value in dense.state_dict().items()}
    found = couplings(dense)
    assert not prune(dense, BRANCHED, found, _random_orders(found)).training
    assert all(torch.equal(value, before[key]) for key, value in dense.state_dict().items())
