"""Decoders: a light feature pyramid, and the FCN8 of the paper.

A decoder has one level per output stride, coarse to fine. A level turns what it reads of the
encoder, and the finer-going features of the level above, into features that links may join.
The head (``nas.head``) turns the finest level into the task's output.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from nas.convolution import convolution, convolution_block, layers_by_name
from nas.plan import Node


class FPNLevel(nn.Module):
    """Lateral 1×1 convolution, add the coarser level, 3×3 convolution.

    Lin et al., 'Feature pyramid networks', arXiv 1612.03144.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        layers = layers_by_name(node.layers)
        self.lateral = convolution_block(layers["lateral.0"])
        self.merge = convolution_block(layers["merge.0"])

    def forward(self, features: Tensor, coarser: Tensor | None) -> Tensor:
        """Features ``(B, C, h, w)`` and coarser ``(B, D, h/2, w/2)`` to ``(B, D, h, w)``."""
        x = self.lateral(features)
        if coarser is not None:
            x = x + F.interpolate(coarser, scale_factor=2.0, mode="nearest")
        return self.merge(x)  # type: ignore[no-any-return]


class FCN8Level(nn.Module):
    """Class scores of one encoder stage, added to the upsampled scores of the coarser one.

    Long et al., 'Fully convolutional networks', arXiv 1411.4038.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        layers = layers_by_name(node.layers)
        self.score = convolution(layers["score"])
        self.up = convolution(layers["up"]) if "up" in layers else None

    def forward(self, features: Tensor, coarser: Tensor | None) -> Tensor:
        """Features ``(B, C, h, w)`` and coarser scores ``(B, K, h/2, w/2)`` to ``(B, K, h, w)``."""
        scores: Tensor = self.score(features)
        if self.up is not None and coarser is not None:
            scores = scores + self.up(coarser)
        return scores


def decoder_level(node: Node) -> nn.Module:
    """The module of a level node."""
    return FCN8Level(node) if node.operation == "fcn8" else FPNLevel(node)
