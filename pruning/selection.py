"""In which order filters are kept: important ones first, but none that says what those before say.

By importance alone a decoder of eight filters may keep eight that are active at the same pixels.
Where all of them are off, no gradient passes and no training brings back what was lost: of 245
networks with pruned decoders 30 had a task no better than a constant. So filters are chosen one by
one by quality and diversity, as neurons in Mariet and Sra, 'Diversity networks' (arXiv 1511.05077).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nas.network import Network
from pruning.groups import Coupling, Cut
from pruning.importance import untouched

#: Share of a filter that no other can hold, so that exact copies still have an order.
_OWN = 1e-4


def filter_orders(
    network: Network,
    found: Sequence[Coupling],
    importance: Mapping[str, Sequence[Tensor]],
    frames: Sequence[Tensor],
) -> list[Tensor]:
    """The channels of every coupling, first to be kept first: ``(channels,)`` each.

    ``importance`` is by task and counts summed; ``frames`` are batches ``(B, S, 3, H, W)`` of a
    training, on which activations are compared. Leaves the network as it was.
    """
    moments = _input_moments(network, found, frames)
    orders = []
    for index, coupling in enumerate(found):
        total = torch.stack([scores[index] for scores in importance.values()]).sum(0)
        orders.append(diverse_order(total, _similarity(network, coupling, moments)))
    return orders


def diverse_order(importance: Tensor, similarity: Tensor) -> Tensor:
    """Of all filters that are left, always the one of most importance times what is new in it.

    ``importance`` ``(n,)`` is at least 0; ``similarity`` ``(n, n)`` has ones on its diagonal and is
    positive semidefinite. What is new in a filter is 1 - R² of its activations on those of the
    filters before it. The first of equals comes first. (The greedy search of Chen et al., arXiv
    1709.05135, algorithm 1, for a kernel of importance and similarity.)
    """
    count = len(importance)
    scale = importance.double().sqrt()
    kernel = similarity.double() * scale[:, None] * scale[None, :]
    left = importance.double() * (1 + _OWN)
    rows = torch.zeros(count, count, dtype=torch.float64)
    taken = torch.zeros(count, dtype=torch.bool)
    order: list[int] = []
    for step in range(count):
        best = int(left.masked_fill(taken, -1.0).argmax())
        order.append(best)
        taken[best] = True
        if left[best] > 0:
            row = (kernel[best] - rows[:step, best] @ rows[:step]) / left[best].sqrt()
            rows[step] = row
            left = (left - row.square()).clamp(min=0.0)
    return torch.tensor(order)


# --- activations --------------------------------------------------------------------------------


def _input_moments(
    network: Network, found: Sequence[Coupling], frames: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Second moments ``(C, C)`` of the inputs of every module that reads a coupling."""
    readers = {c.module for coupling in found for c in coupling.cuts if c.side == "in"}
    sums: dict[str, Tensor] = {}
    with untouched(network), torch.no_grad(), _summing(network, readers, sums):
        for batch in frames:
            network(batch)
    return {name: total.double().cpu() for name, total in sums.items()}


@contextmanager
def _summing(network: Network, readers: set[str], sums: dict[str, Tensor]) -> Iterator[None]:
    """Forward passes inside add up the second moments of what the modules read."""

    def hook(name: str) -> torch.utils.hooks.RemovableHandle:
        def add(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
            x = inputs[0].float().transpose(0, 1).flatten(1)  # (C, B h w)
            sums[name] = sums[name] + x @ x.T if name in sums else x @ x.T

        return network.get_submodule(name).register_forward_hook(add)

    hooks = [hook(name) for name in sorted(readers)]
    try:
        yield
    finally:
        for handle in hooks:
            handle.remove()


def _similarity(network: Network, coupling: Coupling, moments: Mapping[str, Tensor]) -> Tensor:
    """Cosines ``(n, n)`` between the channels' activations wherever they are read.

    Of activations as they are, not of what differs from their mean: filters that are on where the
    others are off are unlike them, although each could be told from the other. Every reader's input
    as a whole counts the same. Channels that are never on are like none.
    """
    total = torch.zeros(coupling.channels, coupling.channels, dtype=torch.float64)
    for cut in coupling.cuts:
        if cut.side == "in" and cut.module in moments:
            moment = moments[cut.module]
            scale = moment.diagonal().mean()
            for positions, channels in _maps(network, cut):
                read = moment[positions][:, positions]
                total[channels[:, None], channels[None, :]] += read / scale if scale > 0 else read
    size = total.diagonal().sqrt()
    size = torch.where(size > 0, size, 1.0)
    return (total / size[:, None] / size[None, :]).fill_diagonal_(1.0)


def _maps(network: Network, cut: Cut) -> Iterator[tuple[Tensor, Tensor]]:
    """Positions and channels of a coupling in each of the maps that lie side by side in an input:
    the same map twice where a fusion reads two frames."""
    start = 0
    for width in network.plan.layers[cut.module].inputs:
        inside = (cut.positions >= start) & (cut.positions < start + width)
        if inside.any():
            yield cut.positions[inside], cut.channels[inside]
        start += width
