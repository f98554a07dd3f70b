"""The decoder part of a plan: levels coarse to fine, links between tasks, fusion and heads."""

from __future__ import annotations

from dataclasses import replace

from nas.encoder_plan import kept_stage_channels, task_reads, widths
from nas.plan import Layer, Node, Read
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import LEVELS
from search_spaces.filter_ratios import kept_channels

#: Numbers that the head of a whole frame keeps of each channel.
MOMENTS = 3
_STAGE_OF_STRIDE = {4: 1, 8: 2, 16: 3, 32: 4}


def decoder_nodes(a: Architecture) -> list[Node]:
    """Levels coarse to fine; at each level all tasks first, then the links between them."""
    nodes: dict[str, Node] = {}
    tops: dict[str, Read] = {}
    for stride in LEVELS:
        levels = {
            task.name: _level(a, nodes, task.name, stride, tops.get(task.name))
            for task in a.tasks
            if stride in a.decoder.levels_of(task)
        }
        nodes.update({node.name: node for node in levels.values()})
        tops |= {t: Read(node=n.name, channels=n.channels) for t, n in levels.items()}
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
    width = widths(reads)
    channels = _decoder_width(a, task)
    kind = a.decoder.kind_of(a.task(task))
    if kind == "fpn":
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
        operation="compare" if a.streams == 2 and a.task(task).compares_frames else kind,
    )


def _decoder_width(a: Architecture, task: str) -> int:
    if a.decoder.kind_of(a.task(task)) == "fcn8":
        return a.task(task).channels
    return kept_channels(a.decoder.width, a.ratio(task, "decoder"))


def _fused_reads(
    a: Architecture, nodes: dict[str, Node], task: str, stride: int
) -> tuple[Read, ...]:
    """What a decoder reads of the encoder at a level: one frame, both, or their fusion."""
    reads = task_reads(a, task, _STAGE_OF_STRIDE[stride])
    if a.streams == 1:
        return reads
    if a.fusion == "concat" or a.task(task).compares_frames:
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
    spec = a.task(task)
    stride = a.decoder.levels_of(spec)[-1]
    operation = "fpn" if spec.output_stride == 1 else "cells"
    if not spec.dense:
        operation = "vector"
        layers = _vector_layers(top.channels, spec.channels)
    elif a.decoder.kind_of(spec) == "fcn8":
        operation = "fcn8"
        layers = (_deconv("score", spec.channels, 2 * stride, stride, 1),)
    else:
        layers = (_conv("score", (top.channels,), spec.channels, 1, stride, bias=True),)
    return Node(
        name=f"decoder.{task}.head",
        kind="head",
        owners=(task,),
        reads=(top,),
        channels=spec.channels,
        stride=spec.output_stride,
        layers=layers,
        operation=operation,
    )


def _vector_layers(width: int, channels: int) -> tuple[Layer, ...]:
    """Two layers on the moments of the finest level: means, and means weighted by x and by y."""
    return (
        _conv("hidden.0", (width,) * MOMENTS, width, 1, 0),
        _conv("score", (width,), channels, 1, 0, bias=True),
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
