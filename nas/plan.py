"""What an architecture compiles to: every layer in integers, and who reads whom.

Cost, network, tree drawing and export all read the plan, so they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from search_spaces.architecture import Architecture

NodeKind = Literal["stem", "stage", "augmentation", "fusion", "level", "link", "head"]
FrameName = Literal["current", "previous"]

#: What the stem reads: the frame itself.
IMAGE = "image"
#: Kinds of node that are computed once a frame; the others once a frame pair.
ENCODER_KINDS: frozenset[NodeKind] = frozenset({"stem", "stage", "augmentation"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One convolution (``conv``) or transposed convolution (``deconv``) with square kernel.

    ``name`` is its path inside the node's module; ``inputs`` are the widths of the maps that its
    input is concatenated from; ``output_stride`` is the frame's side over the output's, 0 where
    the output is one position for the whole frame; ``norm`` says that a batch normalisation
    follows. ``groups`` parts inputs and outputs alike: each part of the outputs reads its own part
    of the inputs.

    ``padding`` is ``centred`` (half the kernel on either side) or ``same``: what TensorFlow calls
    so, at stride 2 more zeros after the map than before it. Weights from there need it.
    ``residual`` says that the input of the block that the layer ends is added to its output;
    blocks of ResNets, which all do so, leave it out.
    """

    name: str
    kind: Literal["conv", "deconv"] = "conv"
    inputs: tuple[int, ...]
    out_channels: int
    kernel: int
    stride: int = 1
    output_stride: int
    bias: bool = False
    norm: bool = True
    groups: int = 1
    padding: Literal["centred", "same"] = "centred"
    residual: bool = False

    @property
    def in_channels(self) -> int:
        """Channels of the whole input."""
        return sum(self.inputs)

    @property
    def weights(self) -> int:
        """Numbers in the kernel."""
        return self.in_channels // self.groups * self.out_channels * self.kernel**2

    @property
    def pads(self) -> tuple[int, int]:
        """Zeros before and after the map in each direction, where its sides are even.

        Output sides are then input sides over the stride, times it in a transposed convolution.
        """
        if self.kind == "deconv":
            return ((self.kernel - self.stride) // 2,) * 2
        if self.padding == "centred":
            return (self.kernel // 2,) * 2
        total = self.kernel - self.stride
        return total // 2, total - total // 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """The first ``channels`` channels of a node's output, of this frame or of the one before."""

    node: str
    channels: int
    frame: FrameName = "current"


@dataclass(frozen=True, kw_only=True)
class Node:
    """A piece of the network: what it reads, its layers, and the output it offers.

    ``owners`` are the tasks it was built for; ``readers`` the output tasks that need it.
    ``channels`` and ``stride`` describe the output, stride 0 is one vector a frame.
    ``operation`` is a link's or a fusion's; of a level it is the kind of decoder, or
    ``compare`` for a pyramid on what differs between two frames; of a head
    ``fpn``, ``fcn8``, ``cells`` or ``vector``, of an encoder stage the family of encoders.
    ``stage`` is -1 outside of the encoder.
    """

    name: str
    kind: NodeKind
    owners: tuple[str, ...]
    reads: tuple[Read, ...]
    channels: int
    stride: int
    layers: tuple[Layer, ...]
    stage: int = -1
    operation: str = ""
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All nodes of a network in an order in which they can be computed.

    ``outputs`` maps each task to its head's node. ``features`` are the encoder nodes whose
    outputs of the previous frame are read; empty for one stream.
    """

    architecture: Architecture
    nodes: tuple[Node, ...]

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """Nodes by their names."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Head node of each task, in the order of the tasks."""
        heads = {node.owners[0]: node.name for node in self.nodes if node.kind == "head"}
        return {task: heads[task] for task in self.architecture.task_names if task in heads}

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Encoder nodes whose outputs are kept for the next frame."""
        read = {r.node for node in self.nodes for r in node.reads if r.frame == "previous"}
        return tuple(node.name for node in self.nodes if node.name in read)

    @cached_property
    def feature_channels(self) -> dict[str, int]:
        """Channels of each kept feature: the longest prefix that is read of it."""
        return {
            name: max(
                r.channels
                for node in self.nodes
                for r in node.reads
                if r.node == name and r.frame == "previous"
            )
            for name in self.features
        }

    @cached_property
    def previous_nodes(self) -> frozenset[str]:
        """Encoder nodes that have to be computed for the previous frame too."""
        needed: set[str] = set(self.features)
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(read.node for read in node.reads)
        return frozenset(needed)

    @cached_property
    def last_reads(self) -> dict[str, int]:
        """Index of the last node that reads each node; its own index where none does."""
        last = {node.name: index for index, node in enumerate(self.nodes)}
        for index, node in enumerate(self.nodes):
            last.update({read.node: index for read in node.reads})
        return last

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """Every layer by the path of its module in the network, in order.

        The stem's layers stand beside the stages, as in the usual ResNet state dicts.
        """
        return {
            f"{node.name.removesuffix('.stem')}.{layer.name}": layer
            for node in self.nodes
            for layer in node.layers
        }
