"""How the values of options are read; every complaint is one line that says what is allowed."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping

from nas.resolution import Resolution
from search_spaces.axes import read_assignment
from search_spaces.spelling import unknown
from search_spaces.task_spec import TaskSpec
from studies.errors import UsageError

_SECONDS = {"s": 1, "m": 60, "h": 3600}


def resolution(text: str) -> Resolution:
    """``1024x512``."""
    try:
        return Resolution.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def seconds(text: str) -> float:
    """``90s``, ``15m`` or ``2h`` in seconds."""
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)([smh])", text.strip().lower())
    if not match or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: write a number above 0 and a unit as in 90s, 15m or 2h"
        )
    return float(match[1]) * _SECONDS[match[2]]


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers within bounds, for ``type=`` of an option."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not allowed, use a whole number from {low} to {high}"
            )
        return int(text)

    return read


def names(text: str) -> tuple[str, ...]:
    """``a,b,c``, each once."""
    found = tuple(word.strip() for word in text.split(","))
    if not all(found) or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(
            f"{text!r}: write names with commas between them, each once, as in a,b,c"
        )
    return found


def assignments(texts: Iterable[str]) -> Mapping[str, str]:
    """``AXIS=VALUE`` texts as a mapping; raises ``UsageError`` or ``ArchitectureError``."""
    found: dict[str, str] = {}
    for text in texts:
        axis, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not axis or not value:
            raise UsageError(f"--fix {text!r}: write AXIS=VALUE, as in encoder=resnet18")
        if axis in found:
            raise UsageError(
                f"--fix names {axis} twice: give its values together, as in width=32,48"
            )
        read_assignment(axis, value)
        found[axis] = value
    return found


def chosen(specs: Iterable[TaskSpec], wanted: Iterable[str]) -> tuple[TaskSpec, ...]:
    """The specs of those names, all where none is named; raises ``UsageError``."""
    known = {spec.name: spec for spec in specs}
    for name in wanted:
        if name not in known:
            raise UsageError(unknown("task", name, known))
    return tuple(known[name] for name in wanted) or tuple(known.values())


def switch(text: str) -> bool:
    """``on`` or ``off``."""
    if text not in ("on", "off"):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed, use on or off")
    return text == "on"
