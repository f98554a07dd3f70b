"""From a layer of the plan to its module: the only place that creates convolutions."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from nas.plan import Layer


def convolution(layer: Layer) -> nn.Conv2d | nn.ConvTranspose2d:
    """The bare convolution of a layer, padded so that output sides are input sides over stride."""
    kind = nn.Conv2d if layer.kind == "conv" else nn.ConvTranspose2d
    padding = layer.kernel // 2 if layer.kind == "conv" else (layer.kernel - layer.stride) // 2
    return kind(
        layer.in_channels,
        layer.out_channels,
        layer.kernel,
        stride=layer.stride,
        padding=padding,
        bias=layer.bias,
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
