"""ResNets as encoders: depths and widths of their stages (He et al., arXiv 1512.03385)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from search_spaces.vocabulary import EncoderFamily


@dataclass(frozen=True, kw_only=True)
class ResNet:
    """Kind of residual block, blocks per stage, and how much wider than its planes a stage ends.

    ``native_width`` is the stem's of the published networks.
    """

    family: ClassVar[EncoderFamily] = "resnet"
    native_width: ClassVar[int] = 64
    block: Literal["basic", "bottleneck"]
    blocks: tuple[int, int, int, int]

    @property
    def expansion(self) -> int:
        """Output channels of a block over its planes."""
        return 4 if self.block == "bottleneck" else 1

    def planes(self, width: int, stage: int) -> int:
        """Inner channels of a stage: ``width · 2^(stage-1)``; those of the stem are its output."""
        return width if stage == 0 else width << (stage - 1)

    def channels(self, width: int, stage: int) -> int:
        """Output channels of a stage before pruning."""
        return self.planes(width, stage) * (1 if stage == 0 else self.expansion)
