"""The decoder that each task has: a light FPN, or the FCN8 of the paper.

The choice is of tasks that predict pixels. Cells and whole frames are always read from a pyramid,
as far down as they need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

from search_spaces.encoder_spec import CHANNEL_MULTIPLE, WIDEST, is_width
from search_spaces.task_spec import ArchitectureError, TaskSpec
from search_spaces.vocabulary import DecoderKind

DECODERS: tuple[DecoderKind, ...] = get_args(DecoderKind)
#: Output strides at which decoders have features, coarse to fine.
LEVELS = (32, 16, 8, 4)
#: Output strides at which each kind of decoder reads the encoder, coarse to fine.
DECODER_LEVELS = MappingProxyType({"fpn": LEVELS, "fcn8": LEVELS[:3]})
#: Output strides at which the head of a whole frame reads the encoder, coarse to fine.
VECTOR_LEVELS = LEVELS[:3]
_DEFAULT_WIDTH = 64


@dataclass(frozen=True, kw_only=True)
class DecoderSpec:
    """Kind, and channels per level.

    An FCN8 is as wide as its task's output; then the width is that of the other tasks' pyramids,
    and always the usual one.
    """

    kind: DecoderKind = "fpn"
    width: int = _DEFAULT_WIDTH

    def __post_init__(self) -> None:
        if self.kind not in DECODERS:
            raise ArchitectureError(f"decoder.kind is {self.kind!r}, use {', '.join(DECODERS)}")
        if self.kind == "fcn8":
            object.__setattr__(self, "width", _DEFAULT_WIDTH)
        if not is_width(self.width) or not self.width:
            raise ArchitectureError(
                f"decoder.width is {self.width!r}, use a multiple of {CHANNEL_MULTIPLE} "
                f"from {CHANNEL_MULTIPLE} to {WIDEST}"
            )

    def kind_of(self, task: TaskSpec) -> DecoderKind:
        """The kind of decoder that a task gets."""
        return self.kind if task.output_stride == 1 else "fpn"

    def levels_of(self, task: TaskSpec) -> tuple[int, ...]:
        """Output strides of a task's levels, coarse to fine."""
        if task.output_stride == 1:
            return DECODER_LEVELS[self.kind]
        if not task.dense:
            return VECTOR_LEVELS
        return tuple(stride for stride in LEVELS if stride >= task.output_stride)
