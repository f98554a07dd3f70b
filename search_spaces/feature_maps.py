"""Augmented feature maps: channels that one task adds to a shared stage for itself alone.

They read the shared channels and the task's own ones of the stage before; the shared channels
never read them (NeurAll, arXiv 1902.03589, section on feature augmentation).
"""

from __future__ import annotations

from dataclasses import dataclass

from search_spaces.encoder_spec import CHANNEL_MULTIPLE, STAGES, WIDEST, is_width
from search_spaces.task_spec import ArchitectureError


@dataclass(frozen=True, kw_only=True, order=True)
class Augmentation:
    """``channels`` private channels of ``task`` at encoder stage ``stage`` (0 is the stem)."""

    task: str
    stage: int
    channels: int

    def __post_init__(self) -> None:
        if type(self.stage) is not int or not 0 <= self.stage < STAGES:
            raise ArchitectureError(
                f"augmentations: stage is {self.stage!r}, use 0 (stem) to {STAGES - 1}"
            )
        if not is_width(self.channels):
            raise ArchitectureError(
                f"augmentations: channels is {self.channels!r}, use a multiple of "
                f"{CHANNEL_MULTIPLE} from 0 to {WIDEST}"
            )
