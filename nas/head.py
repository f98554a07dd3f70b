"""Heads: the last layers of a task, from its finest decoder level to its output in fp32."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.convolution import convolution, convolution_block, layers_by_name
from nas.plan import Node

#: Of positive outputs.
_LARGEST_LOG = 10.0


class Head(nn.Module):
    """What every head has: ``score``, its last layer, and an exponential for positive outputs.

    These are bounded to between 1/22,026 and 22,026, so that frames unlike any seen give no
    infinities.
    """

    def __init__(self, node: Node, *, positive: bool) -> None:
        super().__init__()
        self.score = convolution(layers_by_name(node.layers)["score"])
        self.positive = positive

    def finished(self, score: Tensor) -> Tensor:
        """The output that a score stands for."""
        return torch.exp(score.clamp(-_LARGEST_LOG, _LARGEST_LOG)) if self.positive else score


class PixelHead(Head):
    """A 1×1 score upsampled bilinearly, or FCN8's learned upsampling."""

    def __init__(self, node: Node, *, positive: bool) -> None:
        super().__init__(node, positive=positive)
        self.upsampling = node.layers[0].output_stride

    def forward(self, x: Tensor) -> Tensor:
        """Finest level ``(B, D, h, w)`` to the task's output ``(B, C, H, W)``."""
        score = self.score(x).float()
        if self.upsampling > 1:
            score = F.interpolate(
                score, scale_factor=float(self.upsampling), mode="bilinear", align_corners=False
            )
        return self.finished(score)


class CellHead(Head):
    """A 1×1 score of every cell, as it is."""

    def forward(self, x: Tensor) -> Tensor:
        """Finest level ``(B, D, h, w)`` to the task's output ``(B, C, h, w)``."""
        return self.finished(self.score(x).float())


class VectorHead(Head):
    """Moments of the finest level, then two layers: one vector a frame.

    The mean of each channel alone, as in PoseNet (arXiv 1505.07427), forgets where something is
    seen. Its means weighted by the horizontal and by the vertical coordinate (-1 to 1) are kept
    too: the first moments tell where a vanishing point is, and how flow expands.
    """

    def __init__(self, node: Node, *, positive: bool) -> None:
        super().__init__(node, positive=positive)
        self.hidden = convolution_block(layers_by_name(node.layers)["hidden.0"])

    def forward(self, x: Tensor) -> Tensor:
        """Finest level ``(B, D, h, w)`` to the task's output ``(B, C)``."""
        hidden = self.hidden(_moments(x.float()))
        return self.finished(self.score(hidden).float()).flatten(1)  # (B, C)


def head(node: Node, *, positive: bool) -> Head:
    """The module of a head node."""
    kinds = {"fpn": PixelHead, "fcn8": PixelHead, "cells": CellHead, "vector": VectorHead}
    return kinds[node.operation](node, positive=positive)


def _moments(x: Tensor) -> Tensor:
    """Means of ``x``, of ``x`` times column and of ``x`` times row, ``(B, 3 D, 1, 1)``."""
    height, width = (int(side) for side in x.shape[-2:])  # plain numbers also when traced
    column = _coordinates(width, x).view(1, 1, 1, width)
    row = _coordinates(height, x).view(1, 1, height, 1)
    maps = (x, x * column, x * row)
    return torch.cat([m.mean((2, 3), keepdim=True) for m in maps], dim=1)


def _coordinates(count: int, like: Tensor) -> Tensor:
    """Centres of ``count`` equal parts of -1 to 1."""
    centres = (2 * torch.arange(count, dtype=torch.float32, device=like.device) + 1) / count
    return centres - 1
