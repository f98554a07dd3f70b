"""Layers of a ResNet's stages, with the names of the usual ResNet state dicts.

Bottlenecks have their stride in the 3×3 convolution, as the published weights have it.
"""

from __future__ import annotations

from nas.plan import Layer
from nas.stage import Stage
from search_spaces.encoder_spec import STAGE_STRIDES
from search_spaces.resnet_spec import ResNet


def resnet_layers(stage: Stage) -> tuple[Layer, ...]:
    """The layers of a stage of a ResNet."""
    if stage.index == 0:
        return (stem_layer(stage.inputs, stage.channels),)
    description = stage.encoder.description
    assert isinstance(description, ResNet)
    return residual_layers(
        description.block,
        description.blocks[stage.index - 1],
        stage.index,
        stage.inputs,
        stage.kept(description.planes(stage.encoder.width, stage.index)),
        stage.channels,
        identity=stage.identity,
    )


def stem_layer(inputs: tuple[int, ...], channels: int) -> Layer:
    """The 7×7 convolution that a pooling follows."""
    return Layer(
        name="conv1", inputs=inputs, out_channels=channels, kernel=7, stride=2, output_stride=2
    )


def residual_layers(
    block: str,
    blocks: int,
    stage: int,
    inputs: tuple[int, ...],
    inner: int,
    channels: int,
    *,
    identity: bool = False,
) -> tuple[Layer, ...]:
    """Residual blocks one after another; the first has a convolution in its shortcut, or none."""
    layers: list[Layer] = []
    output_stride = STAGE_STRIDES[stage]
    step = 1 if stage == 1 else 2
    for index in range(blocks):
        stride = step if index == 0 else 1
        width = inputs if index == 0 else (channels,)
        layers += _block_layers(block, f"{index}.", width, inner, channels, stride, output_stride)
        if index == 0 and not identity:
            layers.append(shortcut_layer(width, channels, stride, output_stride))
    return tuple(layers)


def shortcut_layer(
    inputs: tuple[int, ...], channels: int, stride: int, output_stride: int
) -> Layer:
    """The 1×1 convolution in a stage's first shortcut."""
    return Layer(
        name="0.downsample.0",
        inputs=inputs,
        out_channels=channels,
        kernel=1,
        stride=stride,
        output_stride=output_stride,
    )


def _block_layers(
    block: str,
    prefix: str,
    width: tuple[int, ...],
    inner: int,
    channels: int,
    stride: int,
    output_stride: int,
) -> list[Layer]:
    def conv(
        name: str, inputs: tuple[int, ...], cout: int, kernel: int, stride: int, output: int
    ) -> Layer:
        return Layer(
            name=prefix + name,
            inputs=inputs,
            out_channels=cout,
            kernel=kernel,
            stride=stride,
            output_stride=output,
        )

    if block == "basic":
        layers = [
            conv("conv1", width, inner, 3, stride, output_stride),
            conv("conv2", (inner,), channels, 3, 1, output_stride),
        ]
    else:
        layers = [
            conv("conv1", width, inner, 1, 1, output_stride // stride),
            conv("conv2", (inner,), inner, 3, stride, output_stride),
            conv("conv3", (inner,), channels, 1, 1, output_stride),
        ]
    return layers
