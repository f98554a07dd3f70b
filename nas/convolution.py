"""From a layer of the plan to its module: the only place that creates convolutions."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.plan import Layer


class Unfilled:
    """Begins with zeros: ``nas.initialization`` fills all weights, or whoever loads them.

    Torch's own first values take longer to draw than a training step.
    """

    weight: Tensor
    bias: Tensor | None

    def reset_parameters(self) -> None:
        """Zeros, until someone fills them in."""
        nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class Conv2d(Unfilled, nn.Conv2d):
    """A convolution."""


class ConvTranspose2d(Unfilled, nn.ConvTranspose2d):
    """A transposed convolution."""


class UnevenConv2d(Conv2d):
    """A convolution with one more row of zeros below and column right than above and left."""

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H/s, W/s)`` for even sides."""
        return super().forward(F.pad(x, (0, 1, 0, 1)))


class DepthwiseConv2d(Conv2d):
    """A filter for each channel, on a CPU always in fp32.

    With bfloat16 and channels last one takes 5 to 30 times as long, forward and backward
    (torch 2.13, AVX-512 with bfloat16, 144 to 1152 channels).
    """

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C, H/s, W/s)``."""
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


class UnevenDepthwiseConv2d(UnevenConv2d, DepthwiseConv2d):
    """Both of it."""


def convolution(layer: Layer) -> nn.Conv2d | nn.ConvTranspose2d:
    """The bare convolution of a layer, padded so that output sides are input sides over stride."""
    before, after = layer.pads
    assert after - before in (0, 1)
    kind: type[nn.Conv2d | nn.ConvTranspose2d] = ConvTranspose2d
    if layer.kind == "conv":
        kind = _KINDS[layer.groups > 1, after > before]
    return kind(
        layer.in_channels,
        layer.out_channels,
        layer.kernel,
        stride=layer.stride,
        padding=before,
        bias=layer.bias,
        groups=layer.groups,
    )


#: By whether there is a filter for each channel, and whether padding is uneven.
_KINDS: dict[tuple[bool, bool], type[nn.Conv2d]] = {
    (False, False): Conv2d,
    (False, True): UnevenConv2d,
    (True, False): DepthwiseConv2d,
    (True, True): UnevenDepthwiseConv2d,
}


def convolution_block(layer: Layer) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    assert layer.norm
    return nn.Sequential(
        convolution(layer), nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True)
    )


def layers_by_name(layers: Iterable[Layer]) -> dict[str, Layer]:
    """Layers of a node by their paths inside it."""
    return {layer.name: layer for layer in layers}


def layers_by_block(layers: Iterable[Layer]) -> list[dict[str, Layer]]:
    """Layers named ``BLOCK.PATH`` by block, in order, and in each by their paths inside it."""
    blocks: dict[str, dict[str, Layer]] = {}
    for layer in layers:
        index, name = layer.name.split(".", 1)
        blocks.setdefault(index, {})[name] = layer
    return list(blocks.values())
