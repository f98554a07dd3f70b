"""One line of a manifest: its JSON object, and errors that name file, line and field."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from nas.data.image_files import check_file
from nas.data.source import DataError

EXAMPLE = (
    '{"neurall_manifest": 1, "name": "my_drive", "tasks": {"depth": {"kind": "depth", '
    '"scale": 256}}}'
)
#: No pixel holds more, and Python's integers may be larger than any float.
LARGEST = 1e15


@dataclass(frozen=True)
class Line:
    """A line of a manifest, which knows its place."""

    file: Path
    number: int
    text: str

    def error(self, message: str) -> DataError:
        """An error that names file and line."""
        return DataError(f"{self.file}:{self.number}: {message}")

    def parse(self) -> dict[str, object]:
        """The JSON object of this line."""
        try:
            value = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise self.error(
                f"is not JSON ({reason}); every line is one JSON object, the first one a header "
                f"like {EXAMPLE}"
            ) from error
        if not isinstance(value, dict):
            raise self.error(f"{shown(value)} is not a JSON object {{…}}")
        return value

    def check_keys(self, found: Iterable[str], allowed: Iterable[str], where: str) -> None:
        """Refuse a key that nobody reads: it is a typo most of the time."""
        known = tuple(allowed)
        for key in found:
            if key not in known:
                raise self.error(f"{where} {key!r} is unknown, {choices(key, known)}")

    def text_of(self, values: Mapping[str, object], key: str) -> str:
        """A text that must be there and fit on a line."""
        value = values.get(key)
        if not is_text(value):
            got = "is missing" if key not in values else f"is {shown(value)}"
            raise self.error(f"{key} {got}, give a text of one line")
        return str(value)

    def path_of(self, value: object, field: str) -> Path:
        """An existing file, relative to the manifest's folder or absolute."""
        if not is_text(value):
            raise self.error(f"{field} is {shown(value)}, give the path of a file")
        path = self.file.parent / str(value)
        try:
            check_file(path)
        except DataError as error:
            raise self.error(f"{field}: {error}") from error
        return path

    def object_of(self, value: object, field: str) -> dict[str, object]:
        """A JSON object that is not empty."""
        if not isinstance(value, dict) or not value:
            raise self.error(f"{field} is {shown(value)}, give a JSON object with entries")
        return value


def is_text(value: object) -> bool:
    """Whether a JSON value is a text of one line that is not blank."""
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def number_of(value: object) -> float | None:
    """A JSON value as a finite number of bearable size, else None."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    fits = math.isfinite(value) if isinstance(value, float) else True
    return float(value) if fits and abs(value) <= LARGEST else None


def choices(given: str, known: tuple[str, ...]) -> str:
    """What to use in place of a name that is not known."""
    close = get_close_matches(given, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"use {', '.join(known)}{hint}"


def shown(value: object) -> str:
    """A JSON value in an error, cut where it is long."""
    if value is None:
        return "missing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"
