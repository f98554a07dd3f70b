"""The modules of EfficientNet-Lite: inverted bottlenecks, ReLU6, no squeeze-excite.

Tan and Le, arXiv 1905.11946; the inverted bottleneck is Sandler et al., arXiv 1801.04381. Names are
those of the published weights (``conv_stem``, ``expand_conv``, ``bn0``, …), blocks by stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from torch import Tensor, nn

from nas.convolution import convolution, layers_by_block
from nas.plan import Layer, Node

#: Of all normalisations in the published networks; several of their variances are far smaller.
_EPSILON = 1e-3


class InvertedBottleneck(nn.Module):
    """Expand, filter each channel, project; the block's input is added where it fits.

    ``(B, C, H, W)`` to ``(B, C', H/s, W/s)`` without an activation at its end.
    """

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        super().__init__()
        self.residual = layers["project_conv"].residual
        self.expands = "expand_conv" in layers
        if self.expands:
            self.expand_conv, self.bn0 = _pair(layers["expand_conv"])
        self.depthwise_conv, self.bn1 = _pair(layers["depthwise_conv"])
        self.project_conv, self.bn2 = _pair(layers["project_conv"])
        self.downsample = (
            nn.Sequential(*_pair(layers["downsample.0"])) if "downsample.0" in layers else None
        )
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Features after the block, of either sign."""
        out = self.relu(self.bn0(self.expand_conv(x))) if self.expands else x
        out = self.relu(self.bn1(self.depthwise_conv(out)))
        out = self.bn2(self.project_conv(out))
        if not self.residual:
            return out  # type: ignore[no-any-return]
        return out + (x if self.downsample is None else self.downsample(x))  # type: ignore[no-any-return]


def efficientnet_modules(node: Node) -> dict[str, nn.Module]:
    """The modules of a stage by name, in the order in which they run."""
    if node.kind != "stem":
        return {f"layer{node.stage}": _blocks(node.layers)}
    stem, *others = node.layers
    conv_stem, bn0 = _pair(stem)
    blocks = _blocks(replace(layer, name=layer.name.removeprefix("layer0.")) for layer in others)
    return {"conv_stem": conv_stem, "bn0": bn0, "relu": nn.ReLU6(inplace=True), "layer0": blocks}


def _blocks(layers: Iterable[Layer]) -> nn.Sequential:
    """The blocks of a stage, named ``0``, ``1``, … ."""
    return nn.Sequential(*(InvertedBottleneck(block) for block in layers_by_block(layers)))


def _pair(layer: Layer) -> tuple[nn.Module, nn.BatchNorm2d]:
    return convolution(layer), nn.BatchNorm2d(layer.out_channels, eps=_EPSILON)
