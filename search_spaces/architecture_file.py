"""Architectures in files, which may come from anywhere."""

from __future__ import annotations

from pathlib import Path

from search_spaces.architecture import Architecture
from search_spaces.architecture_json import LONGEST_DOCUMENT
from search_spaces.task_spec import ArchitectureError


def read_architecture(path: Path) -> Architecture:
    """What ``Architecture.to_json`` wrote into a file.

    No more is read than a document may have. Raises ``ArchitectureError`` for what is no
    architecture, ``OSError`` where the file cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(LONGEST_DOCUMENT + 1)
    if len(content) > LONGEST_DOCUMENT:
        raise ArchitectureError(
            f"not an architecture: more than {LONGEST_DOCUMENT} bytes, no network needs as many"
        )
    try:
        return Architecture.from_json(content.decode())
    except UnicodeDecodeError:
        raise ArchitectureError("not a JSON document, it is no text in UTF-8") from None
