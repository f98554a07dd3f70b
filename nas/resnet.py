"""The modules of ResNets, with the parameter names of the usual ResNet state dicts.

He et al., 'Deep residual learning for image recognition', arXiv 1512.03385; bottlenecks have
their stride in the 3×3 convolution, as the published weights have it.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nas.convolution import convolution, layers_by_block, layers_by_name
from nas.plan import Layer, Node


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut: ``(B, C, H, W)`` to ``(B, C', H/s, W/s)``."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        super().__init__()
        self.conv1, self.bn1 = _pair(layers["conv1"])
        self.conv2, self.bn2 = _pair(layers["conv2"])
        self.downsample = _shortcut(layers)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Features after the block, non-negative."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out = out + (x if self.downsample is None else self.downsample(x))
        return self.relu(out)  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1 convolutions beside a shortcut."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        super().__init__()
        self.conv1, self.bn1 = _pair(layers["conv1"])
        self.conv2, self.bn2 = _pair(layers["conv2"])
        self.conv3, self.bn3 = _pair(layers["conv3"])
        self.downsample = _shortcut(layers)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Features after the block, non-negative."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out = out + (x if self.downsample is None else self.downsample(x))
        return self.relu(out)  # type: ignore[no-any-return]


class Stem(nn.Module):
    """7×7 convolution and pooling: images ``(B, 3, H, W)`` to ``(B, C, H/4, W/4)``."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.conv1, self.bn1 = _pair(layers_by_name(node.layers)["conv1"])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Pooled features, non-negative."""
        return self.maxpool(self.relu(self.bn1(self.conv1(x))))  # type: ignore[no-any-return]


def resnet_modules(node: Node) -> dict[str, nn.Module]:
    """The modules of a stage by name, in the order in which they run."""
    if node.kind == "stem":
        return dict(Stem(node).named_children())
    return {f"layer{node.stage}": residual_stage(node)}


def residual_stage(node: Node) -> nn.Sequential:
    """The blocks of a stage, named ``0``, ``1``, … ."""
    return nn.Sequential(*(_block(layers) for layers in layers_by_block(node.layers)))


def _block(layers: Mapping[str, Layer]) -> nn.Module:
    return Bottleneck(layers) if "conv3" in layers else BasicBlock(layers)


def _pair(layer: Layer) -> tuple[nn.Module, nn.BatchNorm2d]:
    return convolution(layer), nn.BatchNorm2d(layer.out_channels)


def _shortcut(layers: Mapping[str, Layer]) -> nn.Sequential | None:
    if "downsample.0" not in layers:
        return None
    return nn.Sequential(*_pair(layers["downsample.0"]))
