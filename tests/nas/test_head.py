from __future__ import annotations

import pytest
import torch

from nas.compile import compile_plan
from nas.head import VectorHead, head
from nas.network import Network, build_network
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import ALL_TASKS, DETECTION, ODOMETRY, SCENE, SOILING_TILES
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.filter_ratios import FilterRatio
from search_spaces.sharing import Sharing
from search_spaces.space import SearchSpace
from search_spaces.synergy import SynergyLink
from search_spaces.vocabulary import DecoderKind

NAMES = tuple(sorted(task.name for task in ALL_TASKS))


def everything(kind: DecoderKind = "fpn", **changes: object) -> Architecture:
    given: dict[str, object] = {
        "tasks": ALL_TASKS,
        "sharing": Sharing.shared(NAMES, 4),
        "encoder": EncoderSpec(depth="resnet10", width=8),
        "decoder": DecoderSpec(kind=kind, width=16),
        "streams": 2,
    }
    return Architecture(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["fpn", "fcn8"])
@pytest.mark.parametrize(("height", "width"), [(64, 128), (40, 70)])
def test_outputs_are_of_pixels_cells_or_whole_frames(
    kind: DecoderKind, height: int, width: int
) -> None:
    network = build_network(everything(kind)).eval()
    with torch.no_grad():
        outputs = network(torch.randn(2, 2, 3, height, width))
    for task in ALL_TASKS:
        stride = task.output_stride
        places = (-(-height // stride), -(-width // stride)) if stride else ()
        assert outputs[task.name].shape == (2, task.channels, *places)
        assert outputs[task.name].dtype == torch.float32


def test_cells_have_no_levels_finer_than_they_are() -> None:
    plan = compile_plan(everything())
    strides = {
        task: [n.stride for n in plan.nodes if n.kind == "level" and n.owners == (task,)]
        for task in NAMES
    }
    assert strides["soiling_tiles"] == [32, 16]
    assert strides["detection"] == [32, 16, 8, 4]
    assert strides["odometry"] == [32, 16, 8]


def test_a_vector_tells_where_something_is_seen() -> None:
    plan = compile_plan(everything())
    module = head(plan.by_name["decoder.scene.head"], positive=False)
    assert isinstance(module, VectorHead)
    for layer in (module.hidden[0], module.score):
        torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(0))
    module.eval()
    left, right = torch.zeros(2, 1, 16, 4, 8)
    left[..., 0], right[..., 7] = 1, 1
    with torch.no_grad():
        assert not torch.allclose(module(left), module(right))
        torch.testing.assert_close(
            module(left.repeat_interleave(2, -1).repeat_interleave(2, -2)),
            module(left),
            rtol=0.2,
            atol=0.2,
        )


def test_links_join_dense_decoders_only() -> None:
    links = tuple(
        SynergyLink(source=source, target=target, level=level)
        for source, target, level in (
            ("segmentation", "detection", 8),
            ("detection", "depth", 4),
            ("segmentation", "odometry", 8),
            ("scene", "depth", 32),
            ("soiling_tiles", "depth", 32),
            ("soiling_tiles", "depth", 8),
        )
    )
    kept = everything(links=links).links
    assert {(link.source, link.level) for link in kept} == {
        ("segmentation", 8),
        ("detection", 4),
        ("soiling_tiles", 32),
    }


def test_whole_frames_take_part_in_pruning_also_beside_fcn8() -> None:
    pruning = tuple(
        FilterRatio(task=task, part="decoder", ratio=0.5) for task in ("odometry", "depth")
    )
    architecture = everything("fcn8", pruning=pruning)
    assert [ratio.task for ratio in architecture.pruning] == ["odometry"]
    plan = compile_plan(architecture)
    assert plan.by_name["decoder.odometry.level32"].channels == 32  # half of the usual 64
    assert plan.by_name["decoder.odometry.head"].layers[0].inputs == (32, 32, 32)


def test_without_pixels_there_is_one_kind_of_decoder() -> None:
    tasks = (DETECTION, SCENE, SOILING_TILES)
    names = tuple(sorted(task.name for task in tasks))
    one, other = (
        everything(kind, tasks=tasks, sharing=Sharing.shared(names))  # type: ignore[arg-type]
        for kind in ("fpn", "fcn8")
    )
    assert one.decoder.kind == other.decoder.kind == "fpn"


def test_only_what_the_wanted_tasks_need_is_run() -> None:
    network: Network = build_network(everything()).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    outputs = network(torch.randn(2, 2, 3, 64, 64), tasks=("depth", "scene"))
    assert set(outputs) == {"depth", "scene"}
    for name, value in network.state_dict().items():
        foreign = any(f".{task}." in name for task in NAMES if task not in ("depth", "scene"))
        if name.endswith("num_batches_tracked"):
            assert int(value) == (0 if foreign else 1), name
        elif foreign:
            assert torch.equal(value, before[name]), name


def test_odometry_reads_what_differs_between_the_frames_however_others_fuse_them() -> None:
    for fusion in ("concat", "recurrent"):
        network = build_network(everything(fusion=fusion)).eval()
        assert network.plan.by_name["decoder.odometry.level8"].operation == "compare"
        assert network.plan.by_name["decoder.scene.level8"].operation == "fpn"
        frames = torch.randn(1, 1, 3, 64, 64).expand(1, 2, -1, -1, -1)
        other = torch.randn(1, 1, 3, 64, 64).expand(1, 2, -1, -1, -1)
        with torch.no_grad():
            still, too = network(frames)["odometry"], network(other)["odometry"]
            moved = network(torch.cat([frames[:, :1], other[:, :1]], 1))["odometry"]
        torch.testing.assert_close(still, too)  # nothing changed, whatever is seen
        assert not torch.allclose(moved, still)


def test_fusion_of_a_network_that_only_compares_is_moot() -> None:
    alone = {"tasks": (ODOMETRY,), "sharing": Sharing.independent(("odometry",))}
    assert everything(fusion="recurrent", **alone) == everything(**alone)
    space = SearchSpace.for_tasks((ODOMETRY,))
    assert "fusion" not in space.parameters(space.nearest(everything(**alone)))
