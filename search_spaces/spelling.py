"""Words from elsewhere, made fit to print; and errors for those that are not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr

#: Characters of the longest name of a task, a class or a kind: it stands in tables and file names.
LONGEST_NAME = 64
_LONGEST_SHOWN = 300
_LONGEST_BRIEF = 40
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = _LONGEST_BRIEF
_UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


def is_name(value: object) -> bool:
    """Whether a value is a text that can name something: printable, not blank, not too long.

    What is not printable could steer a terminal, end a line, or not be UTF-8 at all.
    """
    return (
        isinstance(value, str)
        and len(value) <= LONGEST_NAME
        and bool(value.strip())
        and value.isprintable()
    )


def one_line(text: str, longest: int = _LONGEST_SHOWN) -> str:
    """A text as it can be printed whoever wrote it: on one line, without codes, cut where long."""
    words = " ".join(text[: 2 * longest].split())
    cut = words if len(words) <= longest else f"{words[: longest - 1]}…"
    return "".join(c if c.isprintable() else _UNPRINTABLE for c in cut)


def brief(value: object) -> str:
    """The beginning of any value as Python writes it, however large and deep it is."""
    text = _SHORT.repr(value)
    return text if len(text) <= _LONGEST_BRIEF else f"{text[: _LONGEST_BRIEF - 3]}..."


def closest(got: str, words: Iterable[str]) -> str:
    """The word that was probably meant, empty where none is near.

    A longer text than any name is not compared: that takes time in the square of its length.
    """
    near = get_close_matches(got, list(words), n=1) if len(got) <= LONGEST_NAME else []
    return near[0] if near else ""


def unknown(what: str, got: str, allowed: Iterable[str]) -> str:
    """A message such as ``unknown encoder 'resnet81', did you mean resnet18? Use one of …``."""
    words = list(allowed)
    close = closest(got.lower(), words)
    guess = f", did you mean {close}? Use" if close else ", use"
    return f"unknown {one_line(what)} {one_line(got)!r}{guess} {', '.join(words)}"
