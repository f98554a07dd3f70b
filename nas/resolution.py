"""Sizes of frames in pixels, written width first: ``1024x512``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from search_spaces.spelling import one_line

#: Deepest output stride of the encoders: sides are padded to a multiple of it.
ENCODER_STRIDE = 32
_LARGEST_SIDE = 16384


@dataclass(frozen=True, order=True)
class Resolution:
    """Width and height of a frame in pixels."""

    width: int
    height: int

    def __post_init__(self) -> None:
        for side, pixels in (("width", self.width), ("height", self.height)):
            if not ENCODER_STRIDE <= pixels <= _LARGEST_SIDE:
                raise ValueError(
                    f"{side} is {pixels} pixels, use {ENCODER_STRIDE} to {_LARGEST_SIDE}"
                )

    @classmethod
    def parse(cls, text: str) -> Resolution:
        """Read ``WIDTHxHEIGHT`` in pixels; raises ``ValueError`` with the form that is allowed."""
        match = re.fullmatch(r"\s*(\d{1,6})\s*[xX×]\s*(\d{1,6})\s*", text)
        if not match:
            raise ValueError(
                f"resolution {one_line(text)!r}: write width and height as in 1024x512"
            )
        return cls(int(match[1]), int(match[2]))

    @property
    def padded(self) -> Resolution:
        """The same frame with both sides rounded up to the encoder's deepest stride."""
        return Resolution(
            -(-self.width // ENCODER_STRIDE) * ENCODER_STRIDE,
            -(-self.height // ENCODER_STRIDE) * ENCODER_STRIDE,
        )

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"
