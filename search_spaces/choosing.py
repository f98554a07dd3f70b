"""Ways of choosing a value for each parameter of the space, one class a way.

The walk through the space (``parameters.build``) asks a chooser for every parameter that has an
effect, with all its choices, "none" first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol, TypeVar

from search_spaces.axes import Choice
from search_spaces.task_spec import ArchitectureError

_T = TypeVar("_T", bound=Choice)


class Suggester(Protocol):
    """Whoever proposes values: an ``optuna.Trial`` fits."""

    def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> object:
        """One of the choices; a name always comes with the same choices."""


class Chooser(Protocol):
    """Chooses one of ``choices`` for the parameter ``name``."""

    def __call__(self, name: str, choices: Sequence[_T]) -> _T:
        """One of the choices."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Asks a suggester, except where there is nothing to choose."""

    suggester: Suggester

    def __call__(self, name: str, choices: Sequence[_T]) -> _T:
        """What the suggester says; raises ``ArchitectureError`` if that is not a choice."""
        if len(choices) == 1:
            return choices[0]
        return _of(name, self.suggester.suggest_categorical(name, choices), choices)


@dataclass(frozen=True, kw_only=True)
class Dice:
    """Uniform over the choices, but every second link, augmentation and task's pruning is none.

    Uniform choices alone would give nearly every network all devices at once. Each of
    ``link.<task>`` and ``augment.<task>`` is none with probability one half exactly, and so is
    ``prune.<task>`` as a whole but for the rare case that its parts all draw 0.
    """

    rng: Random
    plain: dict[str, bool] = field(default_factory=dict)

    def __call__(self, name: str, choices: Sequence[_T]) -> _T:
        """A random choice."""
        device, _, _ = name.partition(".")
        if device not in ("link", "augment", "prune") or choices[0] not in ("none", 0):
            return self.rng.choice(choices)
        place = name.rpartition(".")[0]
        if place not in self.plain:
            self.plain[place] = self.rng.random() < 0.5
        if self.plain[place] or len(choices) == 1:
            return choices[0]
        return self.rng.choice(choices if device == "prune" else choices[1:])


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Chooses what is wanted, and notes what was really chosen from."""

    wanted: Mapping[str, object]
    chosen: dict[str, Choice] = field(default_factory=dict)

    def __call__(self, name: str, choices: Sequence[_T]) -> _T:
        """The wanted value, the first choice where none is named; else ``ArchitectureError``."""
        value = _of(name, self.wanted.get(name, choices[0]), choices)
        if len(choices) > 1:
            self.chosen[name] = value
        return value


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """Chooses what is wanted or, where the space has it not, the nearest number or first word."""

    wanted: Mapping[str, Choice]

    def __call__(self, name: str, choices: Sequence[_T]) -> _T:
        """The nearest choice."""
        wanted = self.wanted.get(name, choices[0])
        if wanted in choices or isinstance(wanted, str):
            return choices[choices.index(wanted)] if wanted in choices else choices[0]
        numbers = [abs(float(choice) - wanted) for choice in choices]
        return choices[numbers.index(min(numbers))]


@dataclass(frozen=True, kw_only=True)
class Change:
    """Keeps what is known but for some parameters, which get another value; new ones are drawn."""

    known: Mapping[str, Choice]
    changed: frozenset[str]
    dice: Dice

    def __call__(self, name: str, choices: Sequence[_T]) -> _T:
        """The known, another or a random choice."""
        if name not in self.known:
            return self.dice(name, choices)
        if name not in self.changed:
            return _of(name, self.known[name], choices)
        return self.dice.rng.choice([c for c in choices if c != self.known[name]])


def _of(name: str, value: object, choices: Sequence[_T]) -> _T:
    for choice in choices:
        if choice == value:
            return choice
    raise ArchitectureError(
        f"{name} is {value!r}, which is outside of this space: use {', '.join(map(str, choices))}"
    )
