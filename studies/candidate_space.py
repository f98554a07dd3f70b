"""What the front sampler asks of a space of candidates, and what it remembers of tried ones."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Mapping
from typing import Protocol, TypeAlias

from optuna.distributions import BaseDistribution

#: One value of a parameter, as Optuna stores it.
Value: TypeAlias = str | float | int | bool | None
#: The parameters of a candidate that have an effect, by name.
Params: TypeAlias = Mapping[str, Value]


class CandidateSpace(Protocol):
    """A discrete or mixed space, of which candidates use all parameters or some.

    ``distributions`` holds every parameter there can be; ``sample`` and ``mutate`` return the ones
    that a candidate uses. Candidates of equal ``key`` are the same; it has to take the parameters
    of any trial of the study, also if only some were asked for yet.
    """

    @property
    def distributions(self) -> Mapping[str, BaseDistribution]:
        """All parameters, conditional ones too."""
        ...

    def sample(self, rng: random.Random) -> dict[str, Value]:
        """A random candidate."""
        ...

    def mutate(self, params: Params, rng: random.Random) -> dict[str, Value]:
        """A candidate beside another one."""
        ...

    def key(self, params: Params) -> Hashable:
        """What makes a candidate itself."""
        ...


class Tried:
    """Candidates that were evaluated, are being so, or wait.

    A finished trial stores what its objective asked for, so a candidate was tried as soon as it
    agrees with all that some trial used: what it holds beyond that was never asked for.
    """

    def __init__(self, space: CandidateSpace) -> None:
        self._space = space
        self._keys: set[Hashable] = set()
        self._values: dict[frozenset[str], set[tuple[Value, ...]]] = {}

    def add(self, params: Params, *, whole: bool) -> bool:
        """Remember what a trial used, and tell whether it was another candidate than all before.

        Without parameters it says nothing. ``whole`` is false for a trial that may have been about
        to ask for more.
        """
        if not params:
            return False
        before = len(self._keys)
        self._keys.add(self._space.key(params))
        if whole:
            self._values.setdefault(frozenset(params), set()).add(_values_of(params, params))
        return len(self._keys) > before

    def __len__(self) -> int:
        """Different candidates, one that was cut off and tried again counted once."""
        return len(self._keys)

    def has(self, params: Params) -> bool:
        """Whether a trial was this candidate itself, as far as it had been asked for."""
        return self._space.key(params) in self._keys

    def __contains__(self, params: Params) -> bool:
        if self.has(params):
            return True
        there = params.keys()
        return any(
            names <= there and _values_of(params, names) in values
            for names, values in self._values.items()
        )


def _values_of(params: Params, names: Iterable[str]) -> tuple[Value, ...]:
    return tuple(params[name] for name in sorted(names))
