from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nas.compile import compile_plan
from nas.encoder_plan import node_name, read_prefix
from nas.plan import IMAGE, Plan, Read
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import FilterRatio
from search_spaces.sharing import Sharing
from search_spaces.synergy import SynergyLink

NAMES = ("depth", "motion", "segmentation")
ALL = "+".join(NAMES)
SHARED = Architecture(
    tasks=DEFAULT_TASKS,
    sharing=Sharing.shared(NAMES),
    encoder=EncoderSpec(depth="resnet18", width=32),
    decoder=DecoderSpec(width=32),
)
BRANCHED = replace(SHARED, sharing=Sharing.shared(NAMES, 3))


def _reads(plan: Plan, node: str) -> list[tuple[str, int]]:
    return [(read.node, read.channels) for read in plan.by_name[node].reads]


def test_every_read_is_of_an_earlier_node_and_no_wider_than_it(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(200):
        for training in (False, True):
            plan = compile_plan(architecture, training=training)
            offered = {IMAGE: 3}
            for node in plan.nodes:
                for read in node.reads:
                    assert read.node in offered
                    assert 0 < read.channels <= offered[read.node]
                    assert read.frame == "current" or architecture.streams == 2
                offered[node.name] = node.channels


def test_no_node_is_left_that_no_output_needs(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(200):
        plan = compile_plan(architecture)
        alive = set(plan.outputs.values())
        for node in reversed(plan.nodes):
            assert node.name in alive, (architecture.id, node.name)
            alive.update(read.node for read in node.reads)
        assert set(plan.outputs) == set(NAMES) - set(architecture.auxiliary)


def test_layers_fit_what_their_node_reads(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(100):
        plan = compile_plan(architecture)
        assert len(plan.by_name) == len(plan.nodes)
        assert len(plan.layers) == sum(len(node.layers) for node in plan.nodes)
        for node in plan.nodes:
            if node.kind in ("stem", "stage", "augmentation"):
                assert node.layers[0].inputs == tuple(read.channels for read in node.reads)


def test_shared_stages_are_computed_once_and_branches_by_their_task() -> None:
    plan = compile_plan(BRANCHED)
    stages = [node.name for node in plan.nodes if node.kind in ("stem", "stage")]
    assert stages == [
        f"encoder.{ALL}.stem",
        f"encoder.{ALL}.layer1",
        f"encoder.{ALL}.layer2",
        *(f"encoder.{name}.layer3" for name in NAMES),
        *(f"encoder.{name}.layer4" for name in NAMES),
    ]
    assert _reads(plan, "encoder.motion.layer3") == [(f"encoder.{ALL}.layer2", 64)]


def test_a_task_reads_a_prefix_and_the_trunk_keeps_the_longest_one() -> None:
    pruning = (
        FilterRatio(task="depth", part="shared", ratio=0.25),
        FilterRatio(task="motion", part="shared", ratio=0.5),
        FilterRatio(task="segmentation", part="shared", ratio=0.75),
    )
    architecture = replace(BRANCHED, pruning=pruning)
    plan = compile_plan(architecture)
    trunk = f"encoder.{ALL}.layer2"
    assert plan.by_name[trunk].channels == 48
    assert _reads(plan, trunk) == [(f"encoder.{ALL}.layer1", 24)]
    assert _reads(plan, "encoder.depth.layer3") == [(trunk, 48)]
    assert _reads(plan, "encoder.motion.layer3") == [(trunk, 32)]
    assert _reads(plan, "encoder.segmentation.layer3") == [(trunk, 16)]
    assert read_prefix(architecture, "motion", 2) == 32
    assert _reads(plan, "decoder.segmentation.level4")[0] == (f"encoder.{ALL}.layer1", 8)


def test_one_unpruned_task_keeps_the_whole_trunk() -> None:
    pruned = replace(BRANCHED, pruning=(FilterRatio(task="depth", part="shared", ratio=0.5),))
    plan = compile_plan(pruned)
    assert plan.by_name[f"encoder.{ALL}.layer2"].channels == 64
    assert _reads(plan, "encoder.depth.layer3") == [(f"encoder.{ALL}.layer2", 32)]
    assert _reads(plan, "encoder.motion.layer3") == [(f"encoder.{ALL}.layer2", 64)]


def test_a_pruned_branch_and_decoder_are_narrower_inside_and_outside() -> None:
    pruning = (
        FilterRatio(task="depth", part="branch", ratio=0.5),
        FilterRatio(task="depth", part="decoder", ratio=0.5),
    )
    plan = compile_plan(replace(BRANCHED, pruning=pruning))
    branch = plan.by_name["encoder.depth.layer3"]
    assert branch.channels == 64
    assert {layer.out_channels for layer in branch.layers} == {64}
    assert plan.by_name["encoder.motion.layer3"].channels == 128
    assert plan.by_name["decoder.depth.level8"].channels == 16
    assert plan.by_name["decoder.motion.level8"].channels == 32


def test_augmentation_reads_shared_and_own_and_only_its_task_reads_it() -> None:
    augmentations = tuple(Augmentation(task="motion", stage=s, channels=8) for s in (0, 1, 2))
    plan = compile_plan(replace(BRANCHED, augmentations=augmentations))
    assert _reads(plan, "augmentation.motion.stage0") == [(IMAGE, 3)]
    assert _reads(plan, "augmentation.motion.stage2") == [
        (f"encoder.{ALL}.layer1", 32),
        ("augmentation.motion.stage1", 8),
    ]
    assert _reads(plan, "encoder.motion.layer3") == [
        (f"encoder.{ALL}.layer2", 64),
        ("augmentation.motion.stage2", 8),
    ]
    for node in plan.nodes:
        if any(read.node.startswith("augmentation.") for read in node.reads):
            assert node.owners == ("motion",)


def test_a_link_reads_its_source_before_the_sources_own_links() -> None:
    links = (
        SynergyLink(source="depth", target="motion", level=8),
        SynergyLink(source="motion", target="depth", level=8),
        SynergyLink(source="segmentation", target="motion", level=8, operation="concat"),
    )
    plan = compile_plan(replace(SHARED, links=links))
    assert _reads(plan, "link.motion>depth.level8") == [
        ("decoder.depth.level8", 32),
        ("decoder.motion.level8", 32),
    ]
    assert _reads(plan, "link.depth>motion.level8") == [
        ("decoder.motion.level8", 32),
        ("decoder.depth.level8", 32),
    ]
    assert _reads(plan, "link.segmentation>motion.level8")[0][0] == "link.depth>motion.level8"
    assert _reads(plan, "decoder.motion.level4")[-1][0] == "link.segmentation>motion.level8"


def test_readers_follow_links() -> None:
    link = SynergyLink(source="depth", target="motion", level=16)
    plan = compile_plan(replace(BRANCHED, links=(link,)))
    assert plan.by_name["decoder.depth.level32"].readers == ("depth", "motion")
    assert plan.by_name["decoder.depth.level8"].readers == ("depth",)
    assert plan.by_name["encoder.depth.layer4"].readers == ("depth", "motion")


def test_an_auxiliary_task_is_gone_but_for_what_its_link_needs() -> None:
    link = SynergyLink(source="depth", target="motion", level=16)
    architecture = replace(BRANCHED, links=(link,), auxiliary=("depth",))
    left = {n.name for n in compile_plan(architecture).nodes if n.owners == ("depth",)}
    assert left == {
        "encoder.depth.layer3",
        "encoder.depth.layer4",
        "decoder.depth.level32",
        "decoder.depth.level16",
    }
    assert "depth" in compile_plan(architecture, training=True).outputs
    unlinked = compile_plan(replace(architecture, links=()))
    assert not [n.name for n in unlinked.nodes if n.owners == ("depth",)]
    assert list(unlinked.outputs) == ["motion", "segmentation"]


def test_two_streams_read_both_frames_of_what_decoders_read() -> None:
    plan = compile_plan(replace(SHARED, streams=2))
    reads = plan.by_name["decoder.depth.level8"].reads
    assert reads[:2] == (
        Read(node=f"encoder.{ALL}.layer2", channels=64),
        Read(node=f"encoder.{ALL}.layer2", channels=64, frame="previous"),
    )
    assert plan.features == tuple(f"encoder.{ALL}.layer{stage}" for stage in (1, 2, 3, 4))
    assert f"encoder.{ALL}.stem" in plan.previous_nodes
    assert compile_plan(SHARED).features == ()


@pytest.mark.parametrize("kind", ["fpn", "fcn8"])
def test_a_recurrent_unit_is_shared_by_the_tasks_that_share_the_stage(kind: str) -> None:
    architecture = replace(
        BRANCHED,
        streams=2,
        fusion="recurrent",
        decoder=DecoderSpec(kind=kind),  # type: ignore[arg-type]
    )
    plan = compile_plan(architecture)
    fusions = [n.name for n in plan.nodes if n.kind == "fusion"]
    assert f"fusion.{ALL}.layer2" in fusions
    assert {f"fusion.{name}.layer4" for name in NAMES} <= set(fusions)
    assert len(set(fusions)) == len(fusions) == (8 if kind == "fpn" else 7)
    assert plan.by_name[f"fusion.{ALL}.layer2"].readers == NAMES


def test_kept_features_are_as_narrow_as_what_is_read_of_the_previous_frame() -> None:
    pruning = tuple(FilterRatio(task=name, part="shared", ratio=0.5) for name in NAMES)
    plan = compile_plan(replace(SHARED, streams=2, pruning=pruning))
    assert plan.feature_channels == {
        node_name(NAMES, stage): 16 << (stage - 1) for stage in (1, 2, 3, 4)
    }
