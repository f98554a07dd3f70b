"""Layers of an EfficientNet-Lite's stages: inverted bottlenecks with TensorFlow's padding.

A stage that reads augmented maps cannot add its input to the first block's output, which is
narrower; a convolution stands in that shortcut, as in ResNets.
"""

from __future__ import annotations

from collections.abc import Iterator

from nas.plan import Layer
from nas.resnet_plan import shortcut_layer
from nas.stage import Stage
from search_spaces.efficientnet_spec import EfficientNetLite, MBConv


def efficientnet_layers(stage: Stage) -> tuple[Layer, ...]:
    """The layers of a stage; of stage 0 the stem's convolution and the blocks down to 1/4."""
    description = stage.encoder.description
    assert isinstance(description, EfficientNetLite)
    blocks = description.blocks(stage.encoder.width, stage.index)
    if stage.index == 0:
        stem = _stem_layer(stage)
        return (stem, *_rows(stage, blocks, "layer0.", (stem.out_channels,), 2))
    stride_before = stage.output_stride // blocks[0].stride
    return tuple(_rows(stage, blocks, "", stage.inputs, stride_before))


def _stem_layer(stage: Stage) -> Layer:
    return Layer(
        name="conv_stem",
        inputs=stage.inputs,
        out_channels=stage.kept(stage.encoder.width),
        kernel=3,
        stride=2,
        output_stride=2,
        padding="same",
    )


def _rows(
    stage: Stage, blocks: tuple[MBConv, ...], prefix: str, inputs: tuple[int, ...], before: int
) -> Iterator[Layer]:
    """Layers of blocks one after another, the first of which reads maps at stride ``before``."""
    for index, block in enumerate(blocks):
        last = index == len(blocks) - 1
        channels = stage.channels if last else stage.kept(block.channels)
        yield from _block_layers(stage, block, f"{prefix}{index}.", inputs, channels, before)
        if index == 0 and block.residual and not stage.identity:
            yield shortcut_layer(inputs, channels, block.stride, stage.output_stride)
        inputs, before = (channels,), before * block.stride


def _block_layers(
    stage: Stage,
    block: MBConv,
    prefix: str,
    inputs: tuple[int, ...],
    channels: int,
    before: int,
) -> Iterator[Layer]:
    inner = sum(inputs)
    if block.expands:
        inner = stage.kept(block.inner)
        yield _layer(f"{prefix}expand_conv", inputs, inner, before)
    after = before * block.stride
    yield Layer(
        name=f"{prefix}depthwise_conv",
        inputs=(inner,),
        out_channels=inner,
        kernel=block.kernel,
        stride=block.stride,
        output_stride=after,
        groups=inner,
        padding="same",
    )
    yield _layer(f"{prefix}project_conv", (inner,), channels, after, residual=block.residual)


def _layer(
    name: str,
    inputs: tuple[int, ...],
    channels: int,
    output_stride: int,
    *,
    residual: bool = False,
) -> Layer:
    return Layer(
        name=name,
        inputs=inputs,
        out_channels=channels,
        kernel=1,
        output_stride=output_stride,
        residual=residual,
    )
