"""Where each weight of a network lies among the weights that all architectures share.

Networks that have the same thing in common have the same weights there: a narrow or pruned layer
is the first filters of the widest one (Cai et al., 'Once-for-all', arXiv 1908.09791), a shallow
encoder the first blocks of a deep one of its kind. Tasks that leave the shared encoder get other
weights than those that stay, otherwise no one could tell whether leaving pays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from nas.network import Network
from nas.plan import Layer, Node, Plan, Read
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.resnet_spec import ResNet
from search_spaces.sharing import Group


@dataclass(frozen=True, kw_only=True)
class Part:
    """Channels ``start`` to ``start + width`` of a kernel's input, and the key of their weights."""

    key: str
    start: int
    width: int

    @property
    def is_private(self) -> bool:
        """Whether it reads augmented feature maps."""
        return self.key.endswith("private")


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where one parameter of a network lies.

    A kernel is made of ``parts``, one for each of the maps that lie side by side in its input;
    everything else has a single part that is not cut along its input. ``transposed`` kernels have
    their input first.
    """

    parameter: nn.Parameter
    parts: tuple[Part, ...]
    transposed: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing to cut along an input: biases, scales, one filter a channel."""
        return len(self.parts) == 1 and not self.parts[0].width


def addresses(network: Network) -> Iterator[Address]:
    """The address of every parameter of a network."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    for node in network.plan.nodes:
        place = _place(network.plan, node)
        path = node.name.removesuffix("stem").rstrip(".")
        for parameter in network.parameters_of(node):
            name = names[id(parameter)]
            layer = network.plan.layers.get(name.rpartition(".")[0])
            key = f"{place}/{name.removeprefix(path + '.')}"
            yield _address(network.plan, node, layer, parameter, key)


def _address(
    plan: Plan, node: Node, layer: Layer | None, parameter: nn.Parameter, key: str
) -> Address:
    if layer is None or parameter.ndim == 1 or layer.groups > 1:
        return Address(parameter=parameter, parts=(Part(key=key, start=0, width=0),))
    parts, start = [], 0
    for label, width in zip(_labels(plan, node, layer), layer.inputs, strict=True):
        parts.append(Part(key=f"{key}/{label}", start=start, width=width))
        start += width
    return Address(parameter=parameter, parts=tuple(parts), transposed=layer.kind == "deconv")


def _labels(plan: Plan, node: Node, layer: Layer) -> Sequence[str]:
    """What each map in a layer's input is: the same name in every network that reads such a map."""
    if node.kind in ("stem", "stage", "augmentation"):
        return ("shared", "private")[: len(layer.inputs)]
    reads = [r for r in node.reads if not _is_decoded(plan, r.node)]
    if node.kind != "level" or len(layer.inputs) != len(reads) or _reads_own(layer):
        return [str(index) for index in range(len(layer.inputs))]
    return [_origin(read) for read in reads]


def _origin(read: Read) -> str:
    """What a decoder reads of the encoder: which frame, and whose channels."""
    frames = "both" if read.node.startswith("fusion.") else read.frame
    return f"{frames} {'private' if _is_private(read.node) else 'shared'}"


def _reads_own(layer: Layer) -> bool:
    """Whether a layer of a decoder's level reads what the level itself made."""
    return layer.name in ("merge.0", "up")


def _is_decoded(plan: Plan, name: str) -> bool:
    return name in plan.by_name and plan.by_name[name].kind in ("level", "link")


def _is_private(name: str) -> bool:
    """Whether a node of the encoder, or a fusion, is of augmented feature maps."""
    return name.startswith("augmentation.") or ".stage" in name


def _place(plan: Plan, node: Node) -> str:
    """The beginning of the keys of a node."""
    a = plan.architecture
    _, part, name = node.name.split(".")
    if node.kind in ("stem", "stage"):
        group = weights_of(tuple(part.split("+")), a.task_names)
        return f"encoder/{blocks_of(a.encoder)}/{group}/{name}"
    if node.kind == "augmentation":
        return f"augmentation/{blocks_of(a.encoder)}/{part}/{name}"
    if node.kind == "fusion":
        group = weights_of(tuple(part.split("+")), a.task_names)
        return f"fusion/{blocks_of(a.encoder)}/{group}/{name}"
    if node.kind == "level":
        return f"decoder/{node.operation}/{blocks_of(a.encoder)}/{part}/{name}"
    return f"{node.kind}/{a.decoder.kind}/{node.operation}/{part}/{name}"


def blocks_of(encoder: EncoderSpec) -> str:
    """The kind of an encoder's blocks; encoders of the same kind share weights."""
    description = encoder.description
    return description.block if isinstance(description, ResNet) else description.family


def weights_of(group: Group, tasks: Sequence[str]) -> str:
    """Whose weights a group of tasks has at a stage: all tasks' or those of its first task.

    Groups of one stage never overlap, so no two have the same. There is one set for each task and
    one for all, where every possible group would make ``2^tasks - 1``.
    """
    return "*" if len(group) == len(tasks) > 1 else min(group)
