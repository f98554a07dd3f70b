"""From a layer of the plan to its module: the only place that creates convolutions."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn import functional as F

from nas.plan import Layer


class UnevenConv2d(nn.Conv2d):
    """A convolution with one more row of zeros below and column right than above and left."""

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H/s, W/s)`` for even sides."""
        return super().forward(F.pad(x, (0, 1, 0, 1)))


def convolution(layer: Layer) -> nn.Conv2d | nn.ConvTranspose2d:
    """The bare convolution of a layer, padded so that output sides are input sides over stride."""
    before, after = layer.pads
    assert after - before in (0, 1)
    kind: type[nn.Conv2d | nn.ConvTranspose2d] = nn.ConvTranspose2d
    if layer.kind == "conv":
        kind = UnevenConv2d if after > before else nn.Conv2d
    return kind(
        layer.in_channels,
        layer.out_channels,
        layer.kernel,
        stride=layer.stride,
        padding=before,
        bias=layer.bias,
        groups=layer.groups,
    )


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
