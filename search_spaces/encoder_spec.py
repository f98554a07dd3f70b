"""The shared encoder: a published network by name, at a width of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from search_spaces.efficientnet_spec import LITE0, EfficientNetLite
from search_spaces.resnet_spec import ResNet
from search_spaces.task_spec import ArchitectureError

#: Stem and four stages; a stage index in an architecture counts the stem as 0.
STAGES = 5
#: Output stride of each stage: a ResNet's stem ends in a pooling, others in blocks down to 1/4.
STAGE_STRIDES = (4, 4, 8, 16, 32)
#: Channel widths are multiples of it, so that vector units run full.
CHANNEL_MULTIPLE = 8
#: Most channels that an encoder's stem, a decoder or an augmentation may have.
WIDEST = 512


def is_width(channels: object) -> bool:
    """Whether a number of channels is 0 or one that networks are built with."""
    return type(channels) is int and 0 <= channels <= WIDEST and channels % CHANNEL_MULTIPLE == 0


ENCODERS: Mapping[str, ResNet | EfficientNetLite] = MappingProxyType(
    {
        "resnet10": ResNet(block="basic", blocks=(1, 1, 1, 1)),
        "resnet18": ResNet(block="basic", blocks=(2, 2, 2, 2)),
        "resnet26": ResNet(block="bottleneck", blocks=(2, 2, 2, 2)),
        "resnet34": ResNet(block="basic", blocks=(3, 4, 6, 3)),
        "resnet50": ResNet(block="bottleneck", blocks=(3, 4, 6, 3)),
        "resnet101": ResNet(block="bottleneck", blocks=(3, 4, 23, 3)),
        "efficientnet_lite0": LITE0,
    }
)


@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """Depth by name and the stem's channels, which all others are in proportion to."""

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

    @property
    def description(self) -> ResNet | EfficientNetLite:
        """The blocks of the published network."""
        return ENCODERS[self.depth]

    def channels(self, stage: int) -> int:
        """Output channels of a stage before pruning."""
        return self.description.channels(self.width, stage)
