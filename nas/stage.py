"""What a family of encoders is asked to lay out: one stage of an encoder after pruning."""

from __future__ import annotations

from dataclasses import dataclass

from search_spaces.encoder_spec import STAGE_STRIDES, EncoderSpec
from search_spaces.filter_ratios import kept_channels


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Stage ``index`` of an encoder (0 is the stem) for one group of tasks.

    ``inputs`` are the widths of the maps that it reads, ``channels`` is its output, ``ratio`` the
    share of filters given up inside. ``identity`` says that its first shortcut is its input as it
    is; else a stage whose first shortcut would not fit gets a convolution there.
    """

    encoder: EncoderSpec
    index: int
    inputs: tuple[int, ...]
    channels: int
    ratio: float = 0.0
    identity: bool = False

    @property
    def output_stride(self) -> int:
        """The frame's side over the output's."""
        return STAGE_STRIDES[self.index]

    def kept(self, channels: int) -> int:
        """What is left of so many filters inside the stage."""
        return kept_channels(channels, self.ratio)
