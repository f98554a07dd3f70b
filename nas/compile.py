"""Compiles an architecture to its plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from nas.plan import Layer, Node, Plan, Read
from search_spaces.architecture import Architecture
from search_spaces.encoder_spec import ENCODERS, STAGE_STRIDES, STAGES
from search_spaces.filter_ratios import kept_channels
from search_spaces.sharing import Group
from search_spaces.vocabulary import PrunedPart

_STAGE_OF_STRIDE = {4: 1, 8: 2, 16: 3, 32: 4}
_IMAGE_CHANNELS = 3
IMAGE = "image"


@lru_cache(maxsize=4096)
def compile_plan(architecture: Architecture, *, training: bool = False) -> Plan:
    """The plan of the network that runs in the car, or of the one that is trained.

    They differ where tasks are auxiliary: at inference these have no head, and nothing is left
    that only they needed.
    """
    nodes = [*_encoder(architecture), *_decoders(architecture)]
    hidden = () if training else architecture.auxiliary
    return Plan(architecture=architecture, nodes=_needed(nodes, hidden))


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

    That is so where neither resolution nor width change: at the first stage of basic blocks.
    """
    if stage != 1 or a.encoder.channels(0) != a.encoder.channels(1):
        return False
    return not (len(group) == 1 and a.augmented_channels(group[0], 0))


# --- encoder ------------------------------------------------------------------------------------


def _encoder(a: Architecture) -> list[Node]:
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


def _encoder_node(a: Architecture, group: Group, stage: int) -> Node:
    channels = kept_stage_channels(a, group, stage)
    inner = kept_channels(a.encoder.planes(stage), _group_ratio(a, group))
    reads = _encoder_reads(a, group, stage)
    depth = ENCODERS[a.encoder.depth]
    if stage == 0:
        layers: tuple[Layer, ...] = (_stem_layer(channels),)
    else:
        blocks = depth.blocks[stage - 1]
        identity = _begins_with_identity(a, group, stage)
        layers = _residual_stage(
            depth.block, blocks, stage, _widths(reads), inner, channels, identity=identity
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
    )


def _encoder_reads(a: Architecture, group: Group, stage: int) -> tuple[Read, ...]:
    """A stage shared by several tasks reads all that is kept; one of a single task its prefix."""
    if stage == 0:
        return (Read(node=IMAGE, channels=_IMAGE_CHANNELS),)
    if len(group) == 1:
        return _task_reads(a, group[0], stage - 1)
    parent = a.sharing.group(group[0], stage - 1)
    channels = kept_stage_channels(a, parent, stage - 1)
    return (Read(node=node_name(parent, stage - 1), channels=channels),)


def _task_reads(a: Architecture, task: str, stage: int) -> tuple[Read, ...]:
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
        layers: tuple[Layer, ...] = (_stem_layer(channels),)
    else:
        reads = _task_reads(a, task, stage - 1)
        layers = _residual_stage("basic", 1, stage, _widths(reads), channels, channels)
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


def _stem_layer(channels: int) -> Layer:
    return Layer(
        name="conv1",
        inputs=(_IMAGE_CHANNELS,),
        out_channels=channels,
        kernel=7,
        stride=2,
        output_stride=2,
    )


def _residual_stage(
    block: str,
    blocks: int,
    stage: int,
    inputs: tuple[int, ...],
    inner: int,
    channels: int,
    *,
    identity: bool = False,
) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    output_stride = STAGE_STRIDES[stage]
    step = 1 if stage == 1 else 2
    for index in range(blocks):
        stride = step if index == 0 else 1
        width = inputs if index == 0 else (channels,)
        layers += _block_layers(block, f"{index}.", width, inner, channels, stride, output_stride)
        if index == 0 and not identity:
            layers.append(_shortcut(width, channels, stride, output_stride))
    return tuple(layers)


def _block_layers(
    block: str,
    prefix: str,
    width: tuple[int, ...],
    inner: int,
    channels: int,
    stride: int,
    output_stride: int,
) -> list[Layer]:
    def conv(
        name: str, inputs: tuple[int, ...], cout: int, kernel: int, stride: int, output: int
    ) -> Layer:
        return Layer(
            name=prefix + name,
            inputs=inputs,
            out_channels=cout,
            kernel=kernel,
            stride=stride,
            output_stride=output,
        )

    if block == "basic":
        layers = [
            conv("conv1", width, inner, 3, stride, output_stride),
            conv("conv2", (inner,), channels, 3, 1, output_stride),
        ]
    else:
        layers = [
            conv("conv1", width, inner, 1, 1, output_stride // stride),
            conv("conv2", (inner,), inner, 3, stride, output_stride),
            conv("conv3", (inner,), channels, 1, 1, output_stride),
        ]
    return layers


def _shortcut(inputs: tuple[int, ...], channels: int, stride: int, output_stride: int) -> Layer:
    return Layer(
        name="0.downsample.0",
        inputs=inputs,
        out_channels=channels,
        kernel=1,
        stride=stride,
        output_stride=output_stride,
    )


# --- decoders -----------------------------------------------------------------------------------


def _decoders(a: Architecture) -> list[Node]:
    """Levels coarse to fine; at each level all tasks first, then the links between them."""
    nodes: dict[str, Node] = {}
    tops: dict[str, Read] = {}
    for stride in a.decoder.levels:
        levels = {task: _level(a, nodes, task, stride, tops.get(task)) for task in a.task_names}
        nodes.update({node.name: node for node in levels.values()})
        tops = {t: Read(node=n.name, channels=n.channels) for t, n in levels.items()}
        for link in a.links:
            if link.level == stride:
                source = levels[link.source]
                node = _link(link.source, link.target, link.operation, source, tops[link.target])
                nodes[node.name] = node
                tops[link.target] = Read(node=node.name, channels=node.channels)
    heads = [_head(a, task, tops[task]) for task in a.task_names]
    return [*nodes.values(), *heads]


def _level(
    a: Architecture, nodes: dict[str, Node], task: str, stride: int, top: Read | None
) -> Node:
    reads = _fused_reads(a, nodes, task, stride)
    width = _widths(reads)
    channels = _decoder_width(a, task)
    if a.decoder.kind == "fpn":
        layers = [
            _conv("lateral.0", width, channels, 1, stride),
            _conv("merge.0", (channels,), channels, 3, stride),
        ]
    else:
        layers = [_conv("score", width, channels, 1, stride, bias=True)]
        if top:
            layers.append(_deconv("up", channels, 4, 2, stride))
    return Node(
        name=f"decoder.{task}.level{stride}",
        kind="level",
        owners=(task,),
        reads=(*reads, top) if top else reads,
        channels=channels,
        stride=stride,
        layers=tuple(layers),
        operation=a.decoder.kind,
    )


def _decoder_width(a: Architecture, task: str) -> int:
    if a.decoder.kind == "fcn8":
        return a.task(task).channels
    return kept_channels(a.decoder.width, a.ratio(task, "decoder"))


def _fused_reads(
    a: Architecture, nodes: dict[str, Node], task: str, stride: int
) -> tuple[Read, ...]:
    """What a decoder reads of the encoder at a level: one frame, both, or their fusion."""
    reads = _task_reads(a, task, _STAGE_OF_STRIDE[stride])
    if a.streams == 1:
        return reads
    if a.fusion == "concat":
        return (*reads, *(replace(read, frame="previous") for read in reads))
    return tuple(_recurrent_read(a, nodes, task, stride, read) for read in reads)


def _recurrent_read(
    a: Architecture, nodes: dict[str, Node], task: str, stride: int, read: Read
) -> Read:
    """Read the recurrent unit on an encoder node; tasks that share the node share the unit."""
    name = f"fusion.{read.node.split('.', 1)[1]}"
    if name not in nodes:
        stage = _STAGE_OF_STRIDE[stride]
        private = read.node.startswith("augmentation.")
        group = (task,) if private else a.sharing.group(task, stage)
        channels = read.channels if private else kept_stage_channels(a, group, stage)
        current = Read(node=read.node, channels=channels)
        nodes[name] = Node(
            name=name,
            kind="fusion",
            owners=group,
            reads=(current, replace(current, frame="previous")),
            channels=channels,
            stride=stride,
            layers=(
                _conv("gate", (channels, channels), channels, 1, stride, bias=True),
                _conv("candidate", (channels, channels), channels, 1, stride, bias=True),
            ),
            operation="recurrent",
        )
    return Read(node=name, channels=read.channels)


def _link(source: str, target: str, operation: str, origin: Node, top: Read) -> Node:
    stride = origin.stride
    layers = [_conv("projection", (origin.channels,), top.channels, 1, stride, bias=True)]
    if operation == "concat":
        layers.append(
            _conv("mix", (top.channels, top.channels), top.channels, 1, stride, bias=True)
        )
    return Node(
        name=f"link.{source}>{target}.level{stride}",
        kind="link",
        owners=(target,),
        reads=(top, Read(node=origin.name, channels=origin.channels)),
        channels=top.channels,
        stride=stride,
        layers=tuple(layers),
        operation=operation,
    )


def _head(a: Architecture, task: str, top: Read) -> Node:
    channels = a.task(task).channels
    stride = a.decoder.levels[-1]
    if a.decoder.kind == "fpn":
        layer = _conv("score", (top.channels,), channels, 1, stride, bias=True)
    else:
        layer = _deconv("score", channels, 2 * stride, stride, 1)
    return Node(
        name=f"decoder.{task}.head",
        kind="head",
        owners=(task,),
        reads=(top,),
        channels=channels,
        stride=1,
        layers=(layer,),
        operation=a.decoder.kind,
    )


def _conv(
    name: str,
    inputs: tuple[int, ...],
    channels: int,
    kernel: int,
    output_stride: int,
    *,
    bias: bool = False,
) -> Layer:
    return Layer(
        name=name,
        inputs=inputs,
        out_channels=channels,
        kernel=kernel,
        output_stride=output_stride,
        bias=bias,
        norm=not bias,
    )


def _deconv(name: str, channels: int, kernel: int, stride: int, output_stride: int) -> Layer:
    return Layer(
        name=name,
        kind="deconv",
        inputs=(channels,),
        out_channels=channels,
        kernel=kernel,
        stride=stride,
        output_stride=output_stride,
        bias=True,
        norm=False,
    )


def _widths(reads: tuple[Read, ...]) -> tuple[int, ...]:
    return tuple(read.channels for read in reads)


# --- what is needed -----------------------------------------------------------------------------


def _needed(nodes: Sequence[Node], hidden: Sequence[str]) -> tuple[Node, ...]:
    """Only nodes that some output reads, each with the output tasks that need it."""
    readers: dict[str, set[str]] = {node.name: set() for node in nodes}
    readers[IMAGE] = set()
    for node in reversed(nodes):
        if node.kind == "head" and node.owners[0] not in hidden:
            readers[node.name].add(node.owners[0])
        for read in node.reads:
            readers[read.node] |= readers[node.name]
    return tuple(
        replace(node, readers=tuple(sorted(readers[node.name])))
        for node in nodes
        if readers[node.name]
    )
