"""How the current and the previous frame's features become one, beside concatenation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.convolution import convolution, layers_by_name
from nas.plan import Node


def compared(features: Sequence[Tensor]) -> list[Tensor]:
    """How much each map changed, |current − previous|, then the signed changes.

    ``features`` are the current frame's maps, then the previous frame's, each ``(B, C, h, w)``.
    On the embedded world odometry learns its speed from these, and hardly anything from the two
    frames side by side: drift 49 % against 89 %, where a constant has 86 %.
    """
    half = len(features) // 2
    changes = [now - before for now, before in zip(features[:half], features[half:], strict=True)]
    return [change.abs() for change in changes] + changes


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
