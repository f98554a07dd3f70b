"""Which Optuna sampler proposes the next candidate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

import optuna

from search_spaces.spelling import unknown
from studies.errors import UsageError

#: Candidates that are drawn from the space itself before a model takes over.
STARTUP = 8

SAMPLERS: Mapping[str, Callable[[int], optuna.samplers.BaseSampler]] = MappingProxyType(
    {
        "tpe": lambda seed: optuna.samplers.TPESampler(
            seed=seed, multivariate=True, n_startup_trials=STARTUP
        ),
        "nsga2": lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=STARTUP),
        "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    }
)


def make_sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    """A sampler by name; raises ``UsageError`` for an unknown one."""
    if name not in SAMPLERS:
        raise UsageError(unknown("sampler", name, SAMPLERS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return SAMPLERS[name](seed)
