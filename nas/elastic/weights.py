"""The weights that all architectures of a space share: lent to networks, moved by gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.compile import compile_plan
from nas.elastic.address import Address, Part, addresses
from nas.link import Link
from nas.network import Network, build_network
from nas.tasks.task import LabelStatistics
from nas.training import TrainingError, begin_at_prior
from search_spaces.architecture import Architecture


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Where a piece of a network's parameter lies: ``shared`` is a view of the shared weights.

    ``own`` is a view of the parameter, ``gradient`` one of its gradient, None if it has none.
    """

    key: str
    shared: Tensor
    own: Tensor
    gradient: Tensor | None


class ElasticWeights:
    """Every kernel as large as any network needed it so far, made when one first needs it.

    ``seed`` is that of the first weights; output layers begin at the bias that predicts the
    distribution of the labels, of which ``statistics`` tell. What a branch of some tasks needs
    begins with the weights of the trunk of all tasks, as far as these are there.
    """

    def __init__(self, statistics: Mapping[str, LabelStatistics], *, seed: int) -> None:
        self.statistics = statistics
        self.seed = seed
        self.tensors: dict[str, Tensor] = {}

    @torch.no_grad()
    def network(self, architecture: Architecture) -> Network:
        """The network of an architecture with a copy of its weights, statistics not estimated."""
        network = Network(compile_plan(architecture, training=True))
        for piece in self.slices(network):
            piece.own.copy_(piece.shared)
        return network

    def copy(self) -> ElasticWeights:
        """The same weights, but what one of the two makes when a network needs it is its own.

        What is made depends on the network that first needs it. The learnt weights are not copied:
        a training moves those of both.
        """
        twin = ElasticWeights(self.statistics, seed=self.seed)
        twin.tensors = dict(self.tensors)
        return twin

    def slices(self, network: Network) -> Iterator[Slice]:
        """Every piece of a network beside the shared weights that it stands for."""
        found = list(addresses(network))
        if not all(self._holds(address, part) for address in found for part in address.parts):
            self._grow(network.plan.architecture)
        for address in found:
            gradient = address.parameter.grad
            for part in address.parts:
                yield Slice(
                    key=part.key,
                    shared=_shared(self.tensors[part.key], address, part),
                    own=_of_part(address.parameter.detach(), address, part),
                    gradient=None if gradient is None else _of_part(gradient, address, part),
                )

    def _holds(self, address: Address, part: Part) -> bool:
        """Whether there is as much of a weight as a network needs."""
        tensor = self.tensors.get(part.key)
        if tensor is None:
            return False
        wanted = _of_part(address.parameter, address, part).shape
        if len(wanted) != tensor.ndim:
            raise TrainingError(
                f"the shared weights {part.key} have {tensor.ndim} dimensions, networks have "
                f"{len(wanted)}: their file is damaged, begin another study"
            )
        return all(size <= there for size, there in zip(wanted, tensor.shape, strict=True))

    def _grow(self, architecture: Architecture) -> None:
        """Make what is missing for an architecture; what is there stays as it is."""
        dense = build_network(architecture.dense, seed=self.seed, training=True)
        begin_at_prior(dense, self.statistics)
        begin_neutral(dense)
        for address in addresses(dense):
            for part in address.parts:
                value = _of_part(address.parameter.detach(), address, part)
                known = self.tensors.get(part.key, self.tensors.get(_trunk_key(part.key)))
                self.tensors[part.key] = value.clone() if known is None else enlarged(known, value)


@torch.no_grad()
def begin_neutral(network: Network) -> None:
    """Let links and augmented feature maps change nothing before they have learnt something.

    Most networks are without a given one, so its target learns to do without; random ones would
    only disturb it. A link's projection begins at 0, and where it concatenates, the mix passes the
    target on. Kernels begin with 0 on augmented feature maps.
    """
    for node in network.plan.nodes:
        if node.kind == "link":
            link = network.get_submodule(node.name)
            assert isinstance(link, Link)
            link.projection.weight.zero_()
            if link.mix is not None:
                nn.init.dirac_(link.mix.weight)
    for address in addresses(network):
        for part in address.parts:
            if part.is_private:
                _of_part(address.parameter, address, part).zero_()


def enlarged(small: Tensor, large: Tensor) -> Tensor:
    """``small`` where it reaches, and beyond it what ``large`` has there."""
    shape = [max(sizes) for sizes in zip(small.shape, large.shape, strict=True)]
    whole = large.new_zeros(shape)
    whole[tuple(slice(0, size) for size in large.shape)] = large
    whole[tuple(slice(0, size) for size in small.shape)] = small
    return whole


def _trunk_key(key: str) -> str:
    """The key of the same weights in the trunk that all tasks share."""
    kind, *others = key.split("/")
    if kind not in ("encoder", "fusion"):
        return key
    return "/".join([kind, others[0], "*", *others[2:]])


def _shared(tensor: Tensor, address: Address, part: Part) -> Tensor:
    """The part of a shared tensor that an address has."""
    shape = address.parameter.shape
    if address.is_whole:
        return tensor[: shape[0]]
    if address.transposed:
        return tensor[: part.width, : shape[1]]
    return tensor[: shape[0], : part.width]


def _of_part(tensor: Tensor, address: Address, part: Part) -> Tensor:
    """What belongs to a part of a parameter's own values or gradients."""
    if address.is_whole:
        return tensor
    return tensor.narrow(0 if address.transposed else 1, part.start, part.width)
