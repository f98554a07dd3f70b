"""The axes of the space: what each may hold, and how its values are written in ``--fix``.

An axis allows whatever an architecture allows, which is more than the default space holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from search_spaces.architecture import FUSIONS, STREAMS
from search_spaces.decoder_spec import DECODER_LEVELS, DECODERS
from search_spaces.encoder_spec import CHANNEL_MULTIPLE, ENCODERS, STAGES, WIDEST
from search_spaces.filter_ratios import LARGEST_RATIO
from search_spaces.loss_weights import SEARCHABLE_WEIGHTINGS
from search_spaces.spelling import unknown
from search_spaces.synergy import OPERATIONS
from search_spaces.task_spec import ArchitectureError

Choice: TypeAlias = str | int | float
NONE = "none"
#: Decoder levels that every kind of decoder has: the only ones whose choices can stay fixed.
LINK_LEVELS = tuple(sorted(set.intersection(*(set(levels) for levels in DECODER_LEVELS.values()))))


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers from ``low`` to ``high``; whole multiples of ``step`` unless it is 0."""

    low: int
    high: float
    step: int = 0

    def holds(self, value: object) -> bool:
        """Whether a value is such a number and has the right type."""
        if type(value) is not (int if self.step else float):
            return False
        return self.low <= value <= self.high and not (self.step and value % self.step)

    def read(self, text: str) -> Choice | None:
        """The number that a text stands for, None where it is none of these."""
        try:
            value = int(text) if self.step else float(text) + 0.0  # -0 is 0
        except ValueError:
            return None
        return value if self.holds(value) else None

    def __str__(self) -> str:
        kind = f"a multiple of {self.step}" if self.step > 1 else "a number"
        return f"{kind} from {self.low} to {self.high}"


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis: the field of the space that holds its choices, its words and its numbers."""

    field_name: str
    words: Mapping[str, Choice] = field(default_factory=dict)
    numbers: Numbers | None = None

    def read(self, name: str, text: str) -> Choice:
        """The value that a word stands for; raises ``ArchitectureError`` with what is allowed."""
        word = text.strip()
        if word in self.words:
            return self.words[word]
        value = self.numbers.read(word) if self.numbers else None
        if value is None:
            raise ArchitectureError(unknown(name, word, self._allowed()))
        return value

    def ordered(self, values: Iterable[Choice]) -> tuple[Choice, ...]:
        """The values once each, in the axis's own order; raises ``ArchitectureError``."""
        given = [self._exact(value) for value in values]
        for value in given:
            if not self._holds(value):
                raise ArchitectureError(
                    f"{self.field_name}: {value!r} is not allowed, use {', '.join(self._allowed())}"
                )
        if not given:
            raise ArchitectureError(
                f"{self.field_name} is empty, give at least one of {', '.join(self._allowed())}"
            )
        return tuple(sorted(set(given), key=self._position))

    def _exact(self, value: Choice) -> Choice:
        """A whole number as a fraction, where the axis is one of fractions."""
        fractions = self.numbers is not None and not self.numbers.step
        return float(value) if fractions and type(value) is int else value

    def _holds(self, value: object) -> bool:
        named = any(value == word and type(value) is type(word) for word in self.words.values())
        return named or (self.numbers is not None and self.numbers.holds(value))

    def _position(self, value: Choice) -> float:
        return list(self.words).index(value) if isinstance(value, str) else value

    def _allowed(self) -> list[str]:
        return [*self.words, *([str(self.numbers)] if self.numbers else [])]


def _words(values: Iterable[Choice]) -> Mapping[str, Choice]:
    return {str(value): value for value in values}


_WIDTHS = Numbers(low=CHANNEL_MULTIPLE, high=WIDEST, step=CHANNEL_MULTIPLE)
AXES: Mapping[str, Axis] = MappingProxyType(
    {
        "encoder": Axis(field_name="encoders", words=_words(ENCODERS)),
        "width": Axis(field_name="widths", numbers=_WIDTHS),
        "decoder": Axis(field_name="decoders", words=_words(DECODERS)),
        "decoder_width": Axis(field_name="decoder_widths", numbers=_WIDTHS),
        "streams": Axis(field_name="streams", words=_words(STREAMS)),
        "fusion": Axis(field_name="fusions", words=_words(FUSIONS)),
        "sharing": Axis(
            field_name="shared_stages",
            words={"independent": 0, "shared": STAGES, **_words(range(STAGES + 1))},
        ),
        "links": Axis(field_name="links", words=_words((NONE, *OPERATIONS))),
        "link_level": Axis(field_name="link_levels", words=_words(LINK_LEVELS)),
        "augmentation": Axis(
            field_name="augmentations",
            words={NONE: 0},
            numbers=Numbers(low=0, high=WIDEST, step=CHANNEL_MULTIPLE),
        ),
        "augmented_stages": Axis(
            field_name="augmented_stages", numbers=Numbers(low=1, high=STAGES, step=1)
        ),
        "pruning": Axis(
            field_name="pruning", words={NONE: 0.0}, numbers=Numbers(low=0, high=LARGEST_RATIO)
        ),
        "weighting": Axis(field_name="weightings", words=_words(SEARCHABLE_WEIGHTINGS)),
    }
)
_ALIASES = MappingProxyType({"augmentations": "augmentation", "link": "links"})


def read_assignment(name: str, text: str) -> tuple[str, tuple[Choice, ...]]:
    """Field of the space and its choices from ``AXIS=VALUE`` or ``AXIS=VALUE,VALUE``.

    Raises ``ArchitectureError`` with the nearest axis and all that are allowed.
    """
    known = name.strip().lower().replace("-", "_")
    known = _ALIASES.get(known, known)
    if known not in AXES:
        raise ArchitectureError(unknown("axis", name, AXES))
    axis = AXES[known]
    return axis.field_name, axis.ordered(axis.read(known, word) for word in text.split(","))
