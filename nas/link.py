"""Synergy links: how one decoder's features enter another's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas.convolution import convolution, layers_by_name
from nas.plan import Node


class Link(nn.Module):
    """Projects the source by a 1×1 convolution, then adds, concatenates or gates.

    ``add``: t + P s.  ``concat``: M [t, P s] with a 1×1 convolution M.  ``gate``: t · 2σ(P s),
    which is t where the projection is zero.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        layers = layers_by_name(node.layers)
        self.projection = convolution(layers["projection"])
        self.mix = convolution(layers["mix"]) if "mix" in layers else None
        self.gates = node.operation == "gate"

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Target ``(B, D, h, w)`` and source ``(B, D', h, w)`` to ``(B, D, h, w)``."""
        projected: Tensor = self.projection(source)
        if self.mix is not None:
            return self.mix(torch.cat([target, projected], dim=1))  # type: ignore[no-any-return]
        if self.gates:
            return target * (2 * torch.sigmoid(projected))
        return target + projected
