"""The mean of a network's weights over some steps of its training.

Where the learning rate is still high, weights move about what they will come to: their mean is
about as good as the network would be after its rate had fallen (Izmailov et al., arXiv 1803.05407;
Kaddour, arXiv 2209.14981). So it tells in the middle of a training how networks will compare at its
end.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nas.network import Network


class WeightAverage:
    """Adds up the weights of a network that trains; one that was replaced begins anew."""

    def __init__(self) -> None:
        self._of: Network | None = None
        self._sums: list[Tensor] = []
        self._count = 0

    @torch.no_grad()
    def add(self, network: Network) -> None:
        """Take the weights as they are now."""
        weights: list[Tensor] = list(network.parameters())
        if network is not self._of:
            self._of, self._count = network, 0
            self._sums = [torch.zeros_like(weight) for weight in weights]
        torch._foreach_add_(self._sums, weights)
        self._count += 1

    @torch.no_grad()
    def write_to(self, network: Network) -> None:
        """Put the mean into a copy of the network; nothing where none was added.

        Its running statistics are of other weights then: estimate them anew.
        """
        if self._count:
            for weight, total in zip(network.parameters(), self._sums, strict=True):
                weight.copy_(total / self._count)
