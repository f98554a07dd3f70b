"""Recurrent fusion of the current and the previous frame's features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.convolution import convolution, layers_by_name
from nas.plan import Node


class RecurrentFusion(nn.Module):
    """One step of a convolutional GRU without reset gate, 1×1 kernels, previous frame as state.

    z = σ(G [x, h]);  out = (1 − z) h + z · ReLU(C [x, h]).  Ballas et al., arXiv 1511.06432,
    eq. 1–4 without r.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        layers = layers_by_name(node.layers)
        self.gate = convolution(layers["gate"])
        self.candidate = convolution(layers["candidate"])

    def forward(self, current: Tensor, previous: Tensor) -> Tensor:
        """Two maps ``(B, C, h, w)`` to one of the same shape."""
        both = torch.cat([current, previous], dim=1)
        update = torch.sigmoid(self.gate(both))
        # not torch.lerp, which exports to comparisons and selections that few chips run well
        return previous + update * (F.relu(self.candidate(both)) - previous)
