"""How the losses of the tasks are weighted, and the weights that are fixed by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from search_spaces.task_spec import ArchitectureError
from search_spaces.vocabulary import Weighting

WEIGHTINGS: tuple[Weighting, ...] = get_args(Weighting)
#: Those that a space can choose among: ``fixed`` says nothing without its weights.
SEARCHABLE_WEIGHTINGS: tuple[Weighting, ...] = tuple(w for w in WEIGHTINGS if w != "fixed")
#: Choices of the default space: those that cost one backward pass and no evaluation.
DEFAULT_WEIGHTINGS: tuple[Weighting, ...] = ("geometric", "sum", "uncertainty")
#: A thousand is in use (see below); a loss times much more than this is no fp32 number.
LARGEST_WEIGHT = 1e9


@dataclass(frozen=True, kw_only=True, order=True)
class LossWeight:
    """The loss of ``task`` counts ``weight`` times; a task without one counts once.

    The 400 and 1000 of NeurAll's auxiliary learning (arXiv 1902.03589) are taken here as weights
    of the segmentation loss, the auxiliary depth counting once. They suit losses as they were
    scaled there, and are nothing to begin with for others.
    """

    task: str
    weight: float

    def __post_init__(self) -> None:
        number = isinstance(self.weight, int | float) and type(self.weight) is not bool
        if not number or not 0 < self.weight <= LARGEST_WEIGHT:
            raise ArchitectureError(
                f"loss_weights: weight of {self.task} is {self.weight!r}, "
                f"use a number above 0 and up to {LARGEST_WEIGHT:g}"
            )
        object.__setattr__(self, "weight", float(self.weight))
