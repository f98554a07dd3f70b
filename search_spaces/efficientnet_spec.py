"""EfficientNet-Lite as encoder: made for integer accelerators, no squeeze-excite, ReLU6.

The blocks are those of ``efficientnet_lite_builder.py`` in github.com/tensorflow/tpu, after Tan and
Le, arXiv 1905.11946; the five stages are cut where the output stride doubles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from search_spaces.vocabulary import EncoderFamily

#: ``depth_divisor`` of the published networks.
_DIVISOR = 8
#: Rounding takes away a tenth of the channels at most, as in the published ``round_filters``.
_LEAST_SHARE = 0.9


@dataclass(frozen=True, kw_only=True)
class BlockRow:
    """``blocks`` inverted bottlenecks one after another; the first one has the stride.

    ``expansion`` is inner over input channels, ``channels`` the output at the native width.
    """

    kernel: int
    stride: int
    expansion: int
    channels: int
    blocks: int


@dataclass(frozen=True, kw_only=True)
class MBConv:
    """One inverted bottleneck: channels in, inside and out, before pruning.

    ``residual`` says that its input is added to its output.
    """

    kernel: int
    stride: int
    expands: bool
    inputs: int
    inner: int
    channels: int
    residual: bool


@dataclass(frozen=True, kw_only=True)
class EfficientNetLite:
    """Rows of blocks by stage; those of stage 0 follow the stem's 3×3 convolution of stride 2."""

    family: ClassVar[EncoderFamily] = "efficientnet_lite"
    native_width: ClassVar[int] = 32
    rows: tuple[tuple[BlockRow, ...], ...]

    def channels(self, width: int, stage: int) -> int:
        """Output channels of a stage before pruning."""
        return self._scaled(self.rows[stage][-1].channels, width)

    def blocks(self, width: int, stage: int) -> tuple[MBConv, ...]:
        """The blocks of a stage of a network with so many channels in the stem."""
        return tuple(self._blocks(width, stage))

    def _blocks(self, width: int, stage: int) -> Iterator[MBConv]:
        before = self.rows[stage - 1][-1].channels if stage else self.native_width
        for row in self.rows[stage]:
            for index in range(row.blocks):
                stride = row.stride if index == 0 else 1
                inputs = self._scaled(before, width)
                yield MBConv(
                    kernel=row.kernel,
                    stride=stride,
                    expands=row.expansion > 1,
                    inputs=inputs,
                    inner=inputs * row.expansion,
                    channels=self._scaled(row.channels, width),
                    residual=stride == 1 and before == row.channels,
                )
                before = row.channels

    def _scaled(self, channels: int, width: int) -> int:
        """Channels in proportion to the stem's, rounded to multiples of 8."""
        exact = channels * width / self.native_width
        rounded = max(_DIVISOR, int(exact + _DIVISOR / 2) // _DIVISOR * _DIVISOR)
        return rounded if rounded >= _LEAST_SHARE * exact else rounded + _DIVISOR


LITE0 = EfficientNetLite(
    rows=(
        (
            BlockRow(kernel=3, stride=1, expansion=1, channels=16, blocks=1),
            BlockRow(kernel=3, stride=2, expansion=6, channels=24, blocks=1),
        ),
        (BlockRow(kernel=3, stride=1, expansion=6, channels=24, blocks=1),),
        (BlockRow(kernel=5, stride=2, expansion=6, channels=40, blocks=2),),
        (
            BlockRow(kernel=3, stride=2, expansion=6, channels=80, blocks=3),
            BlockRow(kernel=5, stride=1, expansion=6, channels=112, blocks=3),
        ),
        (
            BlockRow(kernel=5, stride=2, expansion=6, channels=192, blocks=4),
            BlockRow(kernel=3, stride=1, expansion=6, channels=320, blocks=1),
        ),
    )
)
