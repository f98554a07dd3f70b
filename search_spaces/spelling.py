"""Errors for words that are not known: what was got, what was probably meant, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(what: str, got: str, allowed: Iterable[str]) -> str:
    """A message such as ``unknown encoder 'resnet81', did you mean resnet18? Use one of …``."""
    words = list(allowed)
    close = get_close_matches(got.lower(), words, n=1, cutoff=0.6)
    guess = f", did you mean {close[0]}? Use" if close else ", use"
    return f"unknown {what} {got!r}{guess} {', '.join(words)}"
