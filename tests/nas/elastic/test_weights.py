from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nas.elastic.address import addresses, blocks_of, weights_of
from nas.elastic.optimizer import ElasticAdamW
from nas.elastic.statistics import estimate_statistics
from nas.elastic.weights import ElasticWeights, enlarged
from nas.network import Network, build_network
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import ALL_TASKS, DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import FilterRatio
from search_spaces.presets import independent, shared
from search_spaces.sharing import Sharing
from search_spaces.space import SearchSpace
from search_spaces.synergy import OPERATIONS, SynergyLink

_SMALL = {"encoder": "resnet10,resnet18,resnet50,efficientnet_lite0", "width": "8,16"}
_SPACES = [
    SearchSpace.for_tasks(tasks).fix({**_SMALL, "decoder_width": "16,24"})
    for tasks in (DEFAULT_TASKS, ALL_TASKS)
]
_NARROW = replace(shared(DEFAULT_TASKS), encoder=EncoderSpec(depth="resnet10", width=8))


def _sampled(count: int = 6) -> list[Architecture]:
    rng = random.Random(0)
    return [space.sample(rng) for space in _SPACES for _ in range(count)]


def _weights() -> ElasticWeights:
    return ElasticWeights({}, seed=0)


def _frames(streams: int = 2) -> Tensor:
    return torch.randn(4, streams, 3, 32, 64, generator=torch.Generator().manual_seed(1))


def _outputs(network: Network) -> dict[str, Tensor]:
    with torch.no_grad():
        return network.eval()(_frames(network.streams))


@pytest.mark.parametrize("architecture", _sampled(), ids=lambda a: a.id)
def test_every_parameter_has_one_place_that_no_other_one_has(architecture: Architecture) -> None:
    network = build_network(architecture, training=True)
    found = list(addresses(network))
    assert {id(a.parameter) for a in found} == {id(p) for p in network.parameters()}
    keys = [part.key for address in found for part in address.parts]
    assert len(keys) == len(set(keys))
    for address in found:
        if not address.is_whole:
            dimension = 0 if address.transposed else 1
            assert sum(part.width for part in address.parts) == address.parameter.shape[dimension]


@pytest.mark.parametrize("architecture", _sampled(3), ids=lambda a: a.id)
def test_a_network_takes_all_of_its_weights_and_gives_back_what_it_learns(
    architecture: Architecture,
) -> None:
    weights = _weights()
    optimizer = ElasticAdamW(weights, weight_decay=0.0)
    network = weights.network(architecture)
    for output in network(_frames(architecture.streams)).values():
        output.square().mean().backward(retain_graph=True)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimizer.step(network, 1e-3)
    again = dict(weights.network(architecture).named_parameters())
    for name, parameter in network.named_parameters():
        moved = again[name] - before[name]
        assert parameter.grad is not None
        learnt = parameter.grad != 0
        assert torch.equal(moved != 0, learnt), name
        assert torch.equal(moved[learnt].sign(), -parameter.grad[learnt].sign()), name


def test_a_pruned_network_is_the_first_filters_of_the_dense_one() -> None:
    weights = _weights()
    dense = weights.network(_NARROW)
    ratio = FilterRatio(task="depth", part="decoder", ratio=0.5)
    pruned = weights.network(replace(_NARROW, pruning=(ratio,)))
    name = "decoder.depth.level8.merge.0.weight"
    wide, narrow = dense.state_dict()[name], pruned.state_dict()[name]
    assert narrow.shape[0] < wide.shape[0]
    assert torch.equal(narrow, wide[: narrow.shape[0], : narrow.shape[1]])


def test_what_a_network_does_not_have_stays_as_it_is() -> None:
    weights = _weights()
    wide = replace(_NARROW, encoder=EncoderSpec(depth="resnet18", width=16))
    weights.network(wide)
    before = {key: tensor.clone() for key, tensor in weights.tensors.items()}
    network = weights.network(_NARROW)
    sum(output.square().mean() for output in network(_frames()).values()).backward()  # type: ignore[union-attr]
    ElasticAdamW(weights, weight_decay=0.1).step(network, 1e-2)
    for key, tensor in weights.tensors.items():
        if "/1.conv" in key and "encoder" in key:  # second blocks, of resnet18 only
            assert torch.equal(tensor, before[key])
    key = next(k for k in before if k.endswith("layer4/0.conv2.weight/shared"))
    assert torch.equal(weights.tensors[key][64:], before[key][64:])
    assert not torch.equal(weights.tensors[key][:64, :64], before[key][:64, :64])


def test_wider_networks_make_weights_grow_and_keep_what_was_learnt() -> None:
    weights = _weights()
    narrow = weights.network(_NARROW).state_dict()
    weights.network(replace(_NARROW, encoder=EncoderSpec(depth="resnet10", width=16)))
    again = weights.network(_NARROW).state_dict()
    assert all(torch.equal(again[name], value) for name, value in narrow.items())


def test_enlarged_keeps_the_small_and_fills_the_rest() -> None:
    grown = enlarged(torch.ones(2, 1), torch.zeros(1, 3))
    assert grown.tolist() == [[1, 0, 0], [1, 0, 0]]


def test_a_branch_begins_with_the_weights_of_the_trunk() -> None:
    weights = _weights()
    trunk = weights.network(_NARROW).state_dict()
    tasks = "depth", "motion", "segmentation"
    branched = replace(_NARROW, sharing=Sharing.shared(tasks, depth=2))
    branches = weights.network(branched).state_dict()
    for task in tasks:
        name = "layer4.0.conv1.weight"
        assert torch.equal(
            branches[f"encoder.{task}.{name}"], trunk[f"encoder.{'+'.join(tasks)}.{name}"]
        )


def test_tasks_that_part_have_different_weights() -> None:
    for names in (("a", "b", "c"),):
        partitions: Sequence[Sequence[tuple[str, ...]]] = (
            [("a", "b", "c")],
            [("a", "b"), ("c",)],
            [("a", "c"), ("b",)],
            [("b", "c"), ("a",)],
            [("a",), ("b",), ("c",)],
        )
        for partition in partitions:
            owners = [weights_of(group, names) for group in partition]
            assert len(set(owners)) == len(partition)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_link_changes_nothing_before_it_has_learnt(operation: str) -> None:
    weights = _weights()
    link = SynergyLink(source="depth", target="motion", level=8, operation=operation)  # type: ignore[arg-type]
    plain, linked = (weights.network(replace(_NARROW, links=links)) for links in ((), (link,)))
    for network in (plain, linked):
        estimate_statistics(network, [_frames()])
    torch.testing.assert_close(_outputs(plain)["motion"], _outputs(linked)["motion"])


def test_augmented_feature_maps_change_nothing_before_they_have_learnt() -> None:
    weights = _weights()
    more = Augmentation(task="depth", stage=4, channels=16)
    plain, wider = (weights.network(replace(_NARROW, augmentations=a)) for a in ((), (more,)))
    for network in (plain, wider):
        estimate_statistics(network, [_frames()])
    torch.testing.assert_close(_outputs(plain)["depth"], _outputs(wider)["depth"])


def test_encoders_of_one_kind_of_blocks_share_weights() -> None:
    kinds = {depth: blocks_of(EncoderSpec(depth=depth, width=16)) for depth in _DEPTHS}
    assert kinds["resnet10"] == kinds["resnet18"] == kinds["resnet34"]
    assert len({kinds["resnet10"], kinds["resnet50"], kinds["efficientnet_lite0"]}) == 3


_DEPTHS = ("resnet10", "resnet18", "resnet34", "resnet50", "efficientnet_lite0")


def test_statistics_are_those_of_the_frames_given() -> None:
    network = build_network(independent(DEFAULT_TASKS[:1], EncoderSpec(depth="resnet10", width=8)))
    frames = [_frames(network.streams), 3 + _frames(network.streams)]
    estimate_statistics(network, frames)
    norm = network.trunk.bn1
    assert isinstance(norm, torch.nn.BatchNorm2d)
    with torch.no_grad():
        maps = [network.trunk.conv1(f.transpose(0, 1).reshape(-1, *f.shape[2:])) for f in frames]  # type: ignore[operator]
    wanted = torch.stack([m.mean((0, 2, 3)) for m in maps]).mean(0)
    assert norm.running_mean is not None
    torch.testing.assert_close(norm.running_mean, wanted, rtol=2e-2, atol=2e-2)
    assert norm.momentum == 0.1


def test_what_a_copy_makes_for_a_network_is_its_own() -> None:
    weights = _weights()
    weights.network(_NARROW)
    before = {key: tensor.clone() for key, tensor in weights.tensors.items()}
    wide = replace(_NARROW, encoder=EncoderSpec(depth="resnet18", width=16))
    wider = replace(_NARROW, encoder=EncoderSpec(depth="resnet18", width=24))
    first = weights.copy().network(wide).state_dict()
    weights.copy().network(wider)
    again = weights.copy().network(wide).state_dict()
    assert all(torch.equal(again[name], value) for name, value in first.items())
    assert weights.tensors.keys() == before.keys()
    assert all(torch.equal(weights.tensors[key], value) for key, value in before.items())
