"""What a worker is asked to train, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from nas.evaluation import Metrics
from search_spaces.architecture import Architecture

#: Attempts at a training whose worker or process is lost, or that fails; then it has failed for
#: good.
MOST_ATTEMPTS: Final = 3


class Later(Enum):
    """There is no job at the moment: ask again once one has ended, or after a while."""

    LATER = "later"


LATER: Final = Later.LATER


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training, judged at each of its rungs.

    ``title`` names it to people and among jobs that run at a time. ``trial`` is its number in the
    study, None for a single-task network. ``seed`` is that of the weights it begins with; ``rungs``
    are samples, growing, the last one all of them.
    """

    title: str
    architecture: Architecture
    seed: int
    rungs: tuple[int, ...]
    trial: int | None = None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A training at one of its rungs: validation metrics, and the seconds since the rung before.

    At the last rung ``weights`` is the network's safetensors file and ``picture`` a PNG file of
    what it predicts; before both are empty.
    """

    rung: int
    metrics: Metrics
    seconds: float
    weights: bytes = b""
    picture: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A training that cannot go on; ``too_large`` where the device has no memory for it.

    After some the process is ``spent``: what its device or its libraries were left with would fail
    other trainings too.
    """

    reason: str
    too_large: bool = False
    spent: bool = False


Answer = Judged | Failure
