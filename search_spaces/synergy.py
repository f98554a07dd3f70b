"""Synergy links: one task's decoder reads another's at one resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from search_spaces.decoder_spec import LEVELS
from search_spaces.task_spec import ArchitectureError
from search_spaces.vocabulary import LinkOperation

OPERATIONS: tuple[LinkOperation, ...] = get_args(LinkOperation)


@dataclass(frozen=True, kw_only=True, order=True)
class SynergyLink:
    """A directed connection ``source`` → ``target`` at the decoder level of stride ``level``.

    The source is read as it is before its own incoming links at that level, so no cycle of
    links can wait on itself.
    """

    source: str
    target: str
    level: int
    operation: LinkOperation = "add"

    def __post_init__(self) -> None:
        if self.source == self.target:
            raise ArchitectureError(
                f"links: {self.source} is linked to itself, name two different tasks"
            )
        if type(self.level) is not int or self.level not in LEVELS:
            raise ArchitectureError(
                f"links: level is {self.level!r}, use an output stride of "
                f"{', '.join(map(str, LEVELS))}"
            )
        if self.operation not in OPERATIONS:
            raise ArchitectureError(
                f"links: operation is {self.operation!r}, use {', '.join(OPERATIONS)}"
            )
