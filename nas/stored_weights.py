"""The network of a plan with weights from a file, which may come from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load, load_file
from torch import Tensor

from nas.network import Network, network_without_memory
from nas.plan import Plan
from search_spaces.spelling import one_line

#: Room for the header: names, types and places take about 130 bytes a tensor, networks of 32 tasks
#: with a ResNet-101 each have 70,000.
_MOST_HEADER_BYTES = 16 * 2**20


class StoredWeightsError(ValueError):
    """A file of weights that is not the plan's; says in a line what is wrong with it."""


def most_weight_bytes(plan: Plan) -> int:
    """Bytes of the largest file that can hold the weights of a plan."""
    return _weight_bytes(network_without_memory(plan).state_dict())


def stored_network(plan: Plan, weights: Path | bytes) -> Network:
    """The network in training mode, its weights from a safetensors file or what one holds.

    A network may be described as far larger than the memory, in a few bytes: nothing is allocated
    before a file of that size is there. Raises ``StoredWeightsError`` unless names, shapes and
    types are exactly the plan's.
    """
    network = network_without_memory(plan)
    wanted = network.state_dict()
    size = weights.stat().st_size if isinstance(weights, Path) else len(weights)
    if size > _weight_bytes(wanted):
        raise StoredWeightsError(f"{size} bytes, the network has at most {_weight_bytes(wanted)}")
    found = _loaded(weights)
    _check(found, wanted)
    network.to_empty(device="cpu")  # the file's own tensors are not aligned, which changes sums
    network.load_state_dict(found)
    return network


def _weight_bytes(wanted: Mapping[str, Tensor]) -> int:
    return _MOST_HEADER_BYTES + sum(tensor.nbytes for tensor in wanted.values())


def _loaded(weights: Path | bytes) -> dict[str, Tensor]:
    try:
        return load_file(weights) if isinstance(weights, Path) else load(weights)
    except Exception as error:  # safetensors raises its own error, and KeyError for unknown types
        raise StoredWeightsError(one_line(str(error)) or type(error).__name__) from None


def _check(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    for name in wanted:
        if name not in found:
            raise StoredWeightsError(f"{name} is missing")
        got, right = _form(found[name]), _form(wanted[name])
        if got != right:
            raise StoredWeightsError(f"{name} is {got}, the network has {right}")
    if len(found) > len(wanted):
        stranger = next(name for name in found if name not in wanted)
        raise StoredWeightsError(f"{one_line(stranger)} is no part of the network")


def _form(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} of {tensor.dtype}"
