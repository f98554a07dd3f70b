"""One line of a manifest: its JSON object, and errors that name file, line and field."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nas.data.image_files import check_file, decoded_text, listed_file
from nas.data.source import DataError
from search_spaces.json_document import JsonError, read_json
from search_spaces.spelling import LONGEST_NAME, closest, is_name, one_line

EXAMPLE = (
    '{"neurall_manifest": 1, "name": "my_drive", "tasks": {"depth": {"kind": "depth", '
    '"scale": 256}}}'
)
#: No pixel holds more, and Python's integers may be larger than any float.
LARGEST = 1e15
#: Labels of a frame that are longer, such as the columns of a wide image, may be a file.
_LONGEST_LINE = 4 * 2**20
_MOST_LINES = 1_000_000
#: A hundred thousand frames with ten boxes each take 50 MB.
_MOST_BYTES = 128 * 2**20
_LONGEST_SHOWN = 60


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
            value = read_json(self.text, longest=_LONGEST_LINE)
        except JsonError as error:
            raise self.error(
                f"is not JSON ({error}); every line is one JSON object, the first one a header "
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
                got = one_line(key, LONGEST_NAME)
                raise self.error(f"{where} {got!r} is unknown, {choices(key, known)}")

    def name_of(self, values: Mapping[str, object], key: str) -> str:
        """A name that must be there."""
        value = values.get(key)
        if not is_name(value):
            got = "is missing" if key not in values else f"is {shown(value)}"
            raise self.error(
                f"{key} {got}, give a text of one line and at most {LONGEST_NAME} characters"
            )
        return str(value)

    def path_of(self, value: object, field: str) -> Path:
        """An existing file, inside of the manifest's folder or absolute."""
        if not is_text(value):
            raise self.error(f"{field} is {shown(value)}, give the path of a file")
        try:
            return listed_file(self.file.parent, str(value))
        except DataError as error:
            raise self.error(f"{field}: {error}") from error

    def object_of(self, value: object, field: str) -> dict[str, object]:
        """A JSON object that is not empty."""
        if not isinstance(value, dict) or not value:
            raise self.error(f"{field} is {shown(value)}, give a JSON object with entries")
        return value


def read_manifest_lines(file: Path) -> list[Line]:
    """The lines of a manifest that are not blank; raises ``DataError`` with the file."""
    check_file(file)
    try:
        with file.open("rb") as handle:
            return list(_lines(file, handle))
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from error


def _lines(file: Path, handle: BinaryIO) -> Iterator[Line]:
    """Those that are not blank, one by one: all line ends at once could fill the memory."""
    total, number = 0, 0
    while content := handle.readline(_LONGEST_LINE + 1):
        total, number = total + len(content), number + 1
        if len(content) > _LONGEST_LINE or total > _MOST_BYTES or number > _MOST_LINES:
            raise Line(file, number, "").error(
                f"a manifest has at most {_MOST_LINES} lines of {_LONGEST_LINE} bytes, "
                f"{_MOST_BYTES} in all; give labels as files, or make several manifests"
            )
        if not content.isspace():
            yield Line(file, number, decoded_text(content, file).strip())


def is_text(value: object) -> bool:
    """Whether a JSON value is a text of one line that is not blank, as a path is."""
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def number_of(value: object) -> float | None:
    """A JSON value as a finite number of bearable size, else None."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    fits = math.isfinite(value) if isinstance(value, float) else True
    return float(value) if fits and abs(value) <= LARGEST else None


def choices(given: object, known: tuple[str, ...]) -> str:
    """What to use in place of a name that is not known."""
    close = closest(given, known) if isinstance(given, str) else ""
    hint = f"; did you mean {close!r}?" if close else ""
    return f"use {', '.join(known)}{hint}"


def shown(value: object) -> str:
    """A JSON value in an error, cut where it is long, however large and deep it is."""
    if value is None:
        return "missing"
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        text += piece[:_LONGEST_SHOWN]
        if len(text) > _LONGEST_SHOWN:
            break
    return one_line(text, _LONGEST_SHOWN)
