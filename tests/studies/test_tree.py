from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from rich.console import Console

from nas.compile import compile_plan
from nas.cost import cost_of, node_macs
from nas.resolution import Resolution
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import FilterRatio
from search_spaces.loss_weights import LossWeight
from search_spaces.sharing import Sharing
from search_spaces.synergy import SynergyLink
from search_spaces.task_spec import TaskSpec
from studies.tree import TreeNode, network_tree, tree_json
from studies.tree_drawing import draw_tree

NAMES = ("depth", "motion", "segmentation")
SMALL = Resolution(96, 64)
BRANCHED = Architecture(
    tasks=DEFAULT_TASKS,
    sharing=Sharing.from_parents(NAMES, {"motion": ("depth", 3), "segmentation": ("depth", 2)}),
    encoder=EncoderSpec(depth="resnet18", width=32),
    decoder=DecoderSpec(width=32),
    streams=2,
    fusion="recurrent",
    links=(SynergyLink(source="depth", target="motion", level=8, operation="gate"),),
    augmentations=(Augmentation(task="depth", stage=1, channels=16),),
    pruning=(
        FilterRatio(task="segmentation", part="shared", ratio=0.25),
        FilterRatio(task="segmentation", part="branch", ratio=0.5),
        FilterRatio(task="segmentation", part="decoder", ratio=0.5),
    ),
)


def _walk(node: TreeNode) -> Iterator[TreeNode]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _printed(node: TreeNode, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(draw_tree(node))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_part_of_the_plan_is_in_the_tree_once(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(100):
        tree, cost = network_tree(architecture, SMALL), cost_of(architecture, SMALL)
        assert (tree.macs, tree.params) == (cost.macs, cost.params), architecture.id
        kinds = [n.kind for n in compile_plan(architecture).nodes]
        drawn = [node.kind for node in _walk(tree)]
        for kind in ("augmentation", "fusion", "link"):
            assert drawn.count(kind) == kinds.count(kind)  # type: ignore[arg-type]
        assert drawn.count("stage") == kinds.count("stage") + kinds.count("stem")


def test_a_node_sums_what_hangs_on_it() -> None:
    for node in _walk(network_tree(BRANCHED)):
        below = sum(child.macs for child in node.children)
        assert node.macs >= below
        if node.kind in ("network", "encoder"):
            assert node.macs == below


def test_the_tree_branches_as_the_tasks_part() -> None:
    tree = network_tree(BRANCHED)
    titles = [node.title for node in _walk(tree) if node.kind == "encoder"]
    assert titles == [
        "depth, motion, segmentation share: stem to stage 1",
        "depth, motion share: stage 2",
        "depth alone: stage 3 to stage 4",
        "motion alone: stage 3 to stage 4",
        "segmentation alone: stage 2 to stage 4",
    ]


def test_devices_are_told_in_words() -> None:
    text = _printed(network_tree(BRANCHED, metrics={"motion": {"iou_moving": 0.25, "miou": 0.5}}))
    for words in (
        "helped by depth at 1/8, gate",
        "depth adds 16 channels at 1/4",
        "depth's own recurrent unit at 1/4",
        "reads shared channels: 24 of 32 of stage 1",
        "stage 3: 64 of 128 channels at 1/16",
        "segmentation: fpn decoder, 16 of 32 channels, 10 classes",
        "depth: fpn decoder, 32 channels, 1 value",
        "iou_moving 0.250, miou 0.500",
        "reads two frames, joined by a recurrent unit",
    ):
        assert words in text


def test_an_auxiliary_task_is_marked() -> None:
    text = _printed(network_tree(replace(BRANCHED, auxiliary=("depth",))))
    assert "depth (auxiliary), motion share" in text
    assert "depth is auxiliary: what is left of its fpn decoder" in text


def test_it_is_legible_at_100_columns_and_costs_stand_in_columns(
    small_architectures: Callable[[int], list[Architecture]],
) -> None:
    for architecture in small_architectures(20):
        lines = _printed(network_tree(architecture), width=100).splitlines()
        costs = [line for line in lines if "MAC" in line]
        assert max(map(len, lines)) <= 100
        assert len({line.index("MAC") for line in costs}) == 1
        assert not [line for line in lines if "…" in line]


def test_long_names_are_wrapped() -> None:
    tasks = tuple(
        TaskSpec(name="a_very_long_name_of_a_task_" * 2 + str(i), kind="x", channels=3)
        for i in range(4)
    )
    names = tuple(task.name for task in tasks)
    text = _printed(network_tree(Architecture(tasks=tasks, sharing=Sharing.shared(names))))
    assert max(map(len, text.splitlines())) <= 100
    assert all(name in text.replace("\n", "") for name in names)


def test_a_stage_costs_what_its_plan_says() -> None:
    plan = compile_plan(BRANCHED)
    stage = next(n for n in _walk(network_tree(BRANCHED, SMALL)) if n.title.startswith("stage 2"))
    assert stage.macs == node_macs(plan.by_name["encoder.depth+motion.layer2"], SMALL)


def test_json_holds_the_architecture_the_totals_and_the_tree() -> None:
    values = json.loads(json.dumps(tree_json(BRANCHED, SMALL, {"depth": {"abs_rel": 0.5}})))
    cost = cost_of(BRANCHED, SMALL)
    assert Architecture.from_dict(values["architecture"]) == BRANCHED
    assert (values["macs"], values["params"]) == (cost.macs, cost.params)
    assert values["tree"]["macs"] == cost.macs
    assert values["tree"]["children"][0]["tasks"] == list(NAMES)
    assert sum(values["macs_by_task"].values()) == cost.macs


def test_fixed_loss_weights_are_told() -> None:
    fixed = replace(
        BRANCHED, weighting="fixed", loss_weights=(LossWeight(task="segmentation", weight=400),)
    )
    printed = _printed(network_tree(fixed, SMALL), width=300)
    assert "trained with fixed loss weights: depth 1, motion 1, segmentation 400" in printed
