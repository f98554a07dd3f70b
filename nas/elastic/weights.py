"""The weights that all architectures of a space share: lent to networks, moved by what they learn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nas.elastic.address import Address, Part, addresses
from nas.network import Network, build_network, empty_network
from nas.tasks.task import LabelStatistics
from nas.training import begin_at_prior
from search_spaces.architecture import Architecture
from search_spaces.feature_maps import Augmentation
from search_spaces.space import SearchSpace


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
    """Every kernel of a space at its largest, made when a network needs it for the first time.

    ``seed`` is that of the first weights; output layers begin at the bias that predicts the
    distribution of the labels, of which ``statistics`` tell. What a branch of some tasks needs
    begins with the weights of the trunk of all tasks, as far as these are there.
    """

    def __init__(
        self, space: SearchSpace, statistics: Mapping[str, LabelStatistics], *, seed: int
    ) -> None:
        self.space = space
        self.statistics = statistics
        self.seed = seed
        self.tensors: dict[str, Tensor] = {}

    @torch.no_grad()
    def network(self, architecture: Architecture) -> Network:
        """The network of an architecture with a copy of its weights, statistics not estimated."""
        network = empty_network(architecture, training=True)
        for piece in self.slices(network):
            piece.own.copy_(piece.shared)
        return network

    def slices(self, network: Network) -> Iterator[Slice]:
        """Every piece of a network beside the shared weights that it stands for."""
        found = list(addresses(network))
        if any(part.key not in self.tensors for address in found for part in address.parts):
            self._make(network.plan.architecture)
        for address in found:
            gradient = address.parameter.grad
            for part in address.parts:
                yield Slice(
                    key=part.key,
                    shared=_shared(self.tensors[part.key], address, part),
                    own=_of_part(address.parameter.detach(), address, part),
                    gradient=None if gradient is None else _of_part(gradient, address, part),
                )

    def _make(self, architecture: Architecture) -> None:
        """Make what is missing for an architecture, as large as any of its form may need it."""
        largest = build_network(widest(self.space, architecture), seed=self.seed, training=True)
        begin_at_prior(largest, self.statistics)
        for address in addresses(largest):
            for part in address.parts:
                if part.key not in self.tensors:
                    value = _of_part(address.parameter.detach(), address, part)
                    trunk = self.tensors.get(_trunk_key(part.key))
                    same = trunk is not None and trunk.shape == value.shape
                    self.tensors[part.key] = (trunk if same and trunk is not None else value).clone()


def widest(space: SearchSpace, architecture: Architecture) -> Architecture:
    """The architecture of the same form with all widths at their largest, and nothing pruned."""
    encoder, decoder = architecture.encoder, architecture.decoder
    most = max(space.augmentations)
    return replace(
        architecture,
        encoder=replace(encoder, width=max(*space.widths, encoder.width)),
        decoder=replace(decoder, width=max(*space.decoder_widths, decoder.width)),
        augmentations=tuple(
            Augmentation(task=a.task, stage=a.stage, channels=max(most, a.channels))
            for a in architecture.augmentations
        ),
        pruning=(),
    )


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
