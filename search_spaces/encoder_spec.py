"""The shared encoder: a ResNet of a given depth and width (He et al., arXiv 1512.03385)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from search_spaces.task_spec import ArchitectureError

#: Stem and four residual stages; a stage index in an architecture counts the stem as 0.
STAGES = 5
#: Output stride of each stage: the stem ends in a pooling.
STAGE_STRIDES = (4, 4, 8, 16, 32)
#: Channel widths are multiples of it, so that vector units run full.
CHANNEL_MULTIPLE = 8
#: Most channels that an encoder's stem, a decoder or an augmentation may have.
WIDEST = 512


def is_width(channels: object) -> bool:
    """Whether a number of channels is 0 or one that networks are built with."""
    return type(channels) is int and 0 <= channels <= WIDEST and channels % CHANNEL_MULTIPLE == 0


@dataclass(frozen=True, kw_only=True)
class ResNetDepth:
    """Kind of residual block, blocks per stage, and how much wider than its planes a stage ends."""

    block: Literal["basic", "bottleneck"]
    blocks: tuple[int, int, int, int]

    @property
    def expansion(self) -> int:
        """Output channels of a block over its planes."""
        return 4 if self.block == "bottleneck" else 1


ENCODERS = MappingProxyType(
    {
        "resnet10": ResNetDepth(block="basic", blocks=(1, 1, 1, 1)),
        "resnet18": ResNetDepth(block="basic", blocks=(2, 2, 2, 2)),
        "resnet26": ResNetDepth(block="bottleneck", blocks=(2, 2, 2, 2)),
        "resnet34": ResNetDepth(block="basic", blocks=(3, 4, 6, 3)),
        "resnet50": ResNetDepth(block="bottleneck", blocks=(3, 4, 6, 3)),
        "resnet101": ResNetDepth(block="bottleneck", blocks=(3, 4, 23, 3)),
    }
)


@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """Depth by name and the stem's channels; stage ``s`` has ``width · 2^(s-1)`` planes."""

    depth: str = "resnet18"
    width: int = 64

    def __post_init__(self) -> None:
        if self.depth not in ENCODERS:
            raise ArchitectureError(
                f"encoder.depth is {self.depth!r}, use one of {', '.join(ENCODERS)}"
            )
        if not is_width(self.width) or not self.width:
            raise ArchitectureError(
                f"encoder.width is {self.width!r}, use a multiple of {CHANNEL_MULTIPLE} "
                f"from {CHANNEL_MULTIPLE} to {WIDEST}"
            )

    def planes(self, stage: int) -> int:
        """Inner channels of a stage before pruning; those of the stem are its output."""
        return self.width if stage == 0 else self.width << (stage - 1)

    def channels(self, stage: int) -> int:
        """Output channels of a stage before pruning."""
        return self.planes(stage) * (1 if stage == 0 else ENCODERS[self.depth].expansion)
