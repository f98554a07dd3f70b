"""What a weighting adds to the work of a training step, to foresee how long it takes."""

from __future__ import annotations

from search_spaces.vocabulary import Weighting

#: Forward, gradient by the inputs, gradient by the weights: about equal parts of a plain step.
_PARTS = 3


def effort(weighting: Weighting, readers: int) -> float:
    """Work of a step in a node that so many tasks read, over that of a plain step there.

    ``pcgrad`` and ``cagrad`` go back through a node once for each reader, ``famo`` goes forward
    twice, and ``gradnorm`` goes back to the shared parameters once more, by the inputs alone.
    """
    if weighting in ("pcgrad", "cagrad"):
        return (1 + (_PARTS - 1) * readers) / _PARTS
    if weighting == "famo" or (weighting == "gradnorm" and readers == 1):
        return (_PARTS + 1) / _PARTS
    return 1.0
