"""Which Optuna sampler proposes the next candidate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import optuna

from search_spaces.spelling import unknown
from studies.architecture_space import ArchitectureSpace
from studies.errors import UsageError
from studies.front_sampler import FrontSampler
from studies.objectives import Objective

#: Candidates that are drawn from the space itself before one of Optuna's models takes over.
STARTUP = 8

Make = Callable[[int, ArchitectureSpace, Sequence[Objective]], optuna.samplers.BaseSampler]


def _front(
    seed: int, space: ArchitectureSpace, objectives: Sequence[Objective]
) -> optuna.samplers.BaseSampler:
    known = {index: space.known(o) for index, o in enumerate(objectives) if o.counted}
    return FrontSampler(space=space, known=known, feasible=space.feasible, by_ratio=True, seed=seed)


SAMPLERS: Mapping[str, Make] = MappingProxyType(
    {
        "front": _front,
        "tpe": lambda seed, *_: optuna.samplers.TPESampler(
            seed=seed, multivariate=True, n_startup_trials=STARTUP
        ),
        "nsga2": lambda seed, *_: optuna.samplers.NSGAIISampler(seed=seed, population_size=STARTUP),
        "random": lambda seed, *_: optuna.samplers.RandomSampler(seed=seed),
    }
)


def make_sampler(
    name: str, seed: int, space: ArchitectureSpace, objectives: Sequence[Objective]
) -> optuna.samplers.BaseSampler:
    """A sampler by name; raises ``UsageError`` for an unknown one."""
    check_sampler(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return SAMPLERS[name](seed, space, objectives)


def check_sampler(name: str) -> None:
    """Raise ``UsageError`` for an unknown sampler."""
    if name not in SAMPLERS:
        raise UsageError(unknown("sampler", name, SAMPLERS))
