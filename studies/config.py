"""All that defines a search, in one frozen value; the command line builds one, a script may too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from nas.budget import Budget
from nas.data.source import DataSource
from nas.fidelity import FIDELITIES, Fidelity
from nas.pretrained import PretrainedEncoder
from nas.tasks.kinds import KINDS
from nas.tasks.task import Task
from search_spaces.architecture import Architecture
from studies.errors import UsageError

DEFAULT_STORAGE = "sqlite:///neurall-search.db"
DEFAULT_OBJECTIVES = ("delta_m", "macs")
DEFAULT_TRIALS = 12
_MOST_TRIALS = 1_000_000
_MOST_WORKERS = 10_000
#: What candidates do with the weights of one elastic network.
SharedWeights = Literal["judge", "inherit", "off"]


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """A search.

    ``tasks`` empty means every task that the sources label, of the embedded world the usual
    three. ``kinds`` holds the behaviours of tasks; add your own. ``fix`` narrows the space, axis
    by axis. ``trials`` counts trained candidates of the study in total; ``time_limit_s`` starts no
    candidate that would not end in time. ``shared_weights`` are those of one elastic network: to
    ``judge`` candidates before they are trained from scratch, or to ``inherit`` and train on. With
    ``early_stopping`` the better one of ``reduction`` goes on at each rung. ``workers`` train at a
    time on this machine, each in a process of its own, or on the Ray cluster at ``ray`` (``auto``
    for the one that runs, ``local`` for one on this machine; None there means as many as fit),
    each with ``gpus_per_trial`` accelerators. A ``deterministic`` search begins candidates in
    rounds, so that with as many workers the result is the same each time. ``pretrained`` are
    weights with which candidates and baselines of the same encoder begin. ``study`` empty means a
    name made of all that makes trials comparable. ``storage`` may hold a password, so it is not
    printed. ``artifacts`` is the folder of the trials' files; empty means the one that the study
    has, for a new one beside a storage that is a file, else in the working directory.
    ``data_specs`` and ``pretrained_specs`` say how a command line named ``sources`` and
    ``pretrained``, so that the study can open them again; empty for those that a script made.
    """

    sources: tuple[DataSource, ...]
    tasks: tuple[str, ...] = ()
    kinds: Mapping[str, type[Task]] = field(default_factory=lambda: KINDS)
    budget: Budget = field(default_factory=Budget)
    objectives: tuple[str, ...] = DEFAULT_OBJECTIVES
    fidelity: Fidelity = FIDELITIES["quick"]
    trials: int = DEFAULT_TRIALS
    time_limit_s: float | None = None
    sampler: str = "front"
    shared_weights: SharedWeights = "off"
    early_stopping: bool = True
    reduction: float = 2.0
    fix: Mapping[str, str] = field(default_factory=dict)
    enqueue: tuple[Architecture, ...] = ()
    pretrained: tuple[PretrainedEncoder, ...] = ()
    seed: int = 0
    device: str = "auto"
    storage: str = field(default=DEFAULT_STORAGE, repr=False)
    study: str = ""
    artifacts: str = ""
    workers: int | None = None
    ray: str = ""
    gpus_per_trial: float = 0.0
    deterministic: bool = False
    data_specs: tuple[str, ...] = ()
    pretrained_specs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.shared_weights not in get_args(SharedWeights):
            raise UsageError(
                f"shared weights is {self.shared_weights!r}, use judge, inherit or off"
            )
        if self.shared_weights == "judge" and not self.early_stopping:
            raise UsageError(
                "shared weights judge which candidates to stop early, and early stopping is off; "
                "use inherit or off"
            )
        if not 1 <= self.trials <= _MOST_TRIALS:
            raise UsageError(f"trials is {self.trials}, use 1 to {_MOST_TRIALS}")
        if self.workers is not None and not 1 <= self.workers <= _MOST_WORKERS:
            raise UsageError(f"workers is {self.workers}, use 1 to {_MOST_WORKERS}")
        if self.deterministic and self.ray and self.workers is None:
            raise UsageError("a deterministic search has a fixed number of workers: give --workers")
        if not 0 <= self.gpus_per_trial < math.inf:
            raise UsageError(f"gpus per trial is {self.gpus_per_trial}, use 0 or more")
        if self.gpus_per_trial and not self.ray:
            raise UsageError("gpus per trial are shared out by Ray: give --ray too")
        if self.ray and self.device not in ("auto", "cuda" if self.gpus_per_trial else "cpu"):
            raise UsageError(
                f"device is {self.device!r}, but on a Ray cluster trainings are on accelerators "
                "where --gpus-per-trial says so, and on processors otherwise: leave --device out"
            )
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"seed is {self.seed}, use 0 to {2**31 - 1}")
        if self.time_limit_s is not None and not 0 < self.time_limit_s < math.inf:
            raise UsageError(f"time is {self.time_limit_s} s, use more than 0")
