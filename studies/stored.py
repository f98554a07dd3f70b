"""Values from a study's storage, read with their types: a study may come from anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from nas.evaluation import Metrics
from search_spaces.spelling import LONGEST_NAME, brief, one_line
from studies.errors import StudyError
from studies.redaction import shown

#: What Optuna's storages and numpy can hold; no network has as many MACs.
_LARGEST_COUNT = 2**63 - 1
_LARGEST_NUMBER = 1e100
#: Characters of a reason or a description, which are cut when they are shown.
_LONGEST_TEXT = 2000
#: Of a metric: the name of a class and some words more.
_LONGEST_WORD = 2 * LONGEST_NAME


@contextmanager
def unreadable(url: str) -> Iterator[None]:
    """One clear line for what Optuna raises where a value is none that it could have written."""
    try:
        yield
    except StudyError:
        raise
    except (ValueError, TypeError, AttributeError, ArithmeticError, AssertionError) as error:
        raise StudyError(
            f"storage {shown(url)}: it holds what nobody can read ({one_line(str(error))}): the "
            "file is damaged; move it away or use another --storage"
        ) from None


@dataclass(frozen=True)
class Stored:
    """A value and what it is called; reading it as what it is not raises ``StudyError``.

    ``within`` is what it was found in, under its name or at its place.
    """

    value: object
    name: str | int
    within: Stored | None = None

    def entry(self, key: str, default: object = None) -> Stored:
        """The value under a key of an object; what is missing reads as the default."""
        return Stored(self.mapping().get(key, default), key, self)

    def entries(self) -> dict[str, Stored]:
        """All values of an object by key."""
        return {key: self.entry(key) for key in self.mapping()}

    def items(self) -> list[Stored]:
        """The values of a list."""
        if not isinstance(self.value, list | tuple):
            self.refuse("a list")
        return [Stored(item, index, self) for index, item in enumerate(self.value)]

    def mapping(self) -> Mapping[str, object]:
        """An object, its values not looked at yet."""
        if not isinstance(self.value, Mapping):
            self.refuse("an object")
        return self.value

    def number(self) -> float:
        """A number; it may be infinite or not be one, as metrics can.

        One so large that sums of it overflow is infinite.
        """
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self.refuse("a number")
        return math.inf if abs(self.value) > _LARGEST_NUMBER else float(self.value)

    def optional_number(self) -> float | None:
        """A number or nothing."""
        return None if self.value is None else self.number()

    def count(self) -> int:
        """A whole number from 0."""
        if type(self.value) is not int or not 0 <= self.value <= _LARGEST_COUNT:
            self.refuse("a whole number from 0")
        return self.value

    def text(self) -> str:
        """A text, made fit to print."""
        if not isinstance(self.value, str):
            self.refuse("a text")
        return one_line(self.value, _LONGEST_TEXT)

    def line(self) -> str:
        """A text of one line as it is, such as a path."""
        if not isinstance(self.value, str) or not self.value.isprintable():
            self.refuse("a text of one line")
        return self.value

    def word(self) -> str:
        """The name of something, such as a task, or a metric of one of its classes."""
        if len(self.line()) > _LONGEST_WORD or not self.line().strip():
            self.refuse(f"a name of 1 to {_LONGEST_WORD} characters")
        return self.line()

    def words(self) -> dict[str, str]:
        """Names by name."""
        return {key: value.word() for key, value in self._named()}

    def numbers(self) -> dict[str, float]:
        """Numbers by name."""
        return {key: value.number() for key, value in self._named()}

    def metrics(self) -> Metrics:
        """Metrics by name, by task."""
        return {key: value.numbers() for key, value in self._named()}

    def refuse(self, wanted: str) -> NoReturn:
        """Say that the value is not what it has to be."""
        raise StudyError(
            f"{self} is {brief(self.value)}, must be {wanted}: the study is damaged or of another "
            "version; use another --study"
        )

    def _named(self) -> list[tuple[str, Stored]]:
        entries = self.entries()
        return [(Stored(key, "a key", self).word(), entries[key]) for key in entries]

    def __str__(self) -> str:
        """``macs of trial 3``, ``rung 300 of trial 3[0]``."""
        if isinstance(self.name, int):
            return f"{self.within}[{self.name}]"
        name = one_line(self.name, 40)
        return name if self.within is None else f"{name} of {self.within}"
