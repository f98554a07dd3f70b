"""Filter pruning: the share of filters that a simple task gives up, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from search_spaces.encoder_spec import CHANNEL_MULTIPLE
from search_spaces.task_spec import ArchitectureError
from search_spaces.vocabulary import PrunedPart

PARTS: tuple[PrunedPart, ...] = get_args(PrunedPart)
#: Nothing prunes away more than this share of a part's filters.
LARGEST_RATIO = 0.9


@dataclass(frozen=True, kw_only=True, order=True)
class FilterRatio:
    """``task`` gives up the share ``ratio`` of the filters of ``part``.

    ``shared`` is what it reads of the shared encoder, ``branch`` the encoder stages it has alone,
    ``decoder`` its decoder.
    """

    task: str
    part: PrunedPart
    ratio: float

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise ArchitectureError(f"pruning: part is {self.part!r}, use {', '.join(PARTS)}")
        if not isinstance(self.ratio, int | float) or not 0 <= self.ratio <= LARGEST_RATIO:
            raise ArchitectureError(
                f"pruning: ratio of {self.task}'s {self.part} is {self.ratio!r}, "
                f"use 0 to {LARGEST_RATIO}"
            )
        object.__setattr__(self, "ratio", float(self.ratio))


def kept_channels(channels: int, ratio: float) -> int:
    """Channels left of ``channels``, a multiple of 8, never none and never more than there were."""
    multiples = int(channels * (1 - ratio) / CHANNEL_MULTIPLE + 0.5)
    return min(channels, max(1, multiples) * CHANNEL_MULTIPLE)
