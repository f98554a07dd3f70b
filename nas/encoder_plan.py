"""The encoder part of a plan: stages by groups of tasks, and augmented feature maps.

Prefix semantics of pruning: the filters of a shared stage have one order; the stage keeps the
longest prefix that any of its tasks reads, and each task reads its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from nas.efficientnet_plan import efficientnet_layers
from nas.plan import IMAGE, Layer, Node, Read
from nas.resnet_plan import residual_layers, resnet_layers, stem_layer
from nas.stage import Stage
from search_spaces.architecture import Architecture
from search_spaces.encoder_spec import STAGE_STRIDES, STAGES
from search_spaces.filter_ratios import kept_channels
from search_spaces.sharing import Group
from search_spaces.vocabulary import EncoderFamily, PrunedPart

_IMAGE_CHANNELS = 3
#: What lays out the stages of each family of encoders.
_LAYERS: Mapping[EncoderFamily, Callable[[Stage], tuple[Layer, ...]]] = MappingProxyType(
    {"resnet": resnet_layers, "efficientnet_lite": efficientnet_layers}
)


def encoder_nodes(a: Architecture) -> list[Node]:
    """Stage by stage: each group's node, then the augmentations of its tasks."""
    nodes = []
    for stage in range(STAGES):
        for group in a.sharing.stages[stage]:
            nodes.append(_encoder_node(a, group, stage))
            if len(group) > 1:
                nodes.extend(
                    _augmentation_node(a, task, stage)
                    for task in group
                    if a.augmented_channels(task, stage)
                )
    return nodes


def node_name(group: Group, stage: int) -> str:
    """Name of the encoder node that computes a stage for a group of tasks."""
    return f"encoder.{'+'.join(group)}.{'stem' if stage == 0 else f'layer{stage}'}"


def augmentation_name(task: str, stage: int) -> str:
    """Name of the node with a task's private channels at a shared stage."""
    return f"augmentation.{task}.stage{stage}"


def read_prefix(architecture: Architecture, task: str, stage: int) -> int:
    """Channels that a task reads of the encoder stage it belongs to.

    Of a shared stage it is the task's own prefix, of a stage of its own all that is kept.
    """
    group = architecture.sharing.group(task, stage)
    kept = kept_stage_channels(architecture, group, stage)
    if len(group) == 1:
        return kept
    ratio = architecture.ratio(task, "shared")
    return min(kept, kept_channels(architecture.encoder.channels(stage), ratio))


def kept_stage_channels(architecture: Architecture, group: Group, stage: int) -> int:
    """Output channels of an encoder stage after pruning: the longest prefix that a task reads.

    A stage that begins with an identity shortcut is as wide as what it reads.
    """
    if _begins_with_identity(architecture, group, stage):
        return sum(read.channels for read in _encoder_reads(architecture, group, stage))
    ratio = _group_ratio(architecture, group)
    return kept_channels(architecture.encoder.channels(stage), ratio)


def _group_ratio(a: Architecture, group: Group) -> float:
    part: PrunedPart = "branch" if len(group) == 1 else "shared"
    return min(a.ratio(task, part) for task in group)


def _begins_with_identity(a: Architecture, group: Group, stage: int) -> bool:
    """Whether the dense network has no convolution in the first shortcut of a stage.

    That is so where neither resolution nor width change: at the first stage of basic blocks and
    of inverted bottlenecks.
    """
    if stage != 1 or a.encoder.channels(0) != a.encoder.channels(1):
        return False
    return not (len(group) == 1 and a.augmented_channels(group[0], 0))


def _encoder_node(a: Architecture, group: Group, stage: int) -> Node:
    channels = kept_stage_channels(a, group, stage)
    reads = _encoder_reads(a, group, stage)
    family = a.encoder.description.family
    layers = _LAYERS[family](
        Stage(
            encoder=a.encoder,
            index=stage,
            inputs=widths(reads),
            channels=channels,
            ratio=_group_ratio(a, group),
            identity=_begins_with_identity(a, group, stage),
        )
    )
    return Node(
        name=node_name(group, stage),
        kind="stem" if stage == 0 else "stage",
        owners=group,
        reads=reads,
        channels=channels,
        stride=STAGE_STRIDES[stage],
        layers=layers,
        stage=stage,
        operation=family,
    )


def _encoder_reads(a: Architecture, group: Group, stage: int) -> tuple[Read, ...]:
    """A stage shared by several tasks reads all that is kept; one of a single task its prefix."""
    if stage == 0:
        return (Read(node=IMAGE, channels=_IMAGE_CHANNELS),)
    if len(group) == 1:
        return task_reads(a, group[0], stage - 1)
    parent = a.sharing.group(group[0], stage - 1)
    channels = kept_stage_channels(a, parent, stage - 1)
    return (Read(node=node_name(parent, stage - 1), channels=channels),)


def task_reads(a: Architecture, task: str, stage: int) -> tuple[Read, ...]:
    """What a task alone reads of a stage: its prefix, and its own augmentation of it."""
    group = a.sharing.group(task, stage)
    reads = [Read(node=node_name(group, stage), channels=read_prefix(a, task, stage))]
    extra = a.augmented_channels(task, stage)
    if extra:
        reads.append(Read(node=augmentation_name(task, stage), channels=extra))
    return tuple(reads)


def _augmentation_node(a: Architecture, task: str, stage: int) -> Node:
    channels = a.augmented_channels(task, stage)
    if stage == 0:
        reads: tuple[Read, ...] = (Read(node=IMAGE, channels=_IMAGE_CHANNELS),)
        layers: tuple[Layer, ...] = (stem_layer(widths(reads), channels),)
    else:
        reads = task_reads(a, task, stage - 1)
        layers = residual_layers("basic", 1, stage, widths(reads), channels, channels)
    return Node(
        name=augmentation_name(task, stage),
        kind="augmentation",
        owners=(task,),
        reads=reads,
        channels=channels,
        stride=STAGE_STRIDES[stage],
        layers=layers,
        stage=stage,
    )


def widths(reads: tuple[Read, ...]) -> tuple[int, ...]:
    """Channels of each read, in order."""
    return tuple(read.channels for read in reads)
