"""The files of a study's trials, read by the ids that a storage names them by."""

from __future__ import annotations

import re
from pathlib import Path

from studies.errors import StudyError

#: Optuna's ids are UUIDs. Whatever could lead out of the folder is none.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: More than the shared weights of the widest space take.
MOST_BYTES = 4 * 2**30


def read_artifact(folder: Path, artifact: object, what: str, most: int = MOST_BYTES) -> bytes:
    """The content of a file of at most ``most`` bytes; ``what`` it is, for errors.

    Raises ``StudyError`` where the id is none, and the file is not there, no file or too large.
    """
    if not isinstance(artifact, str) or not _ID.fullmatch(artifact):
        raise StudyError(f"{what} are damaged or of another version: their id names no file")
    path = folder / artifact
    try:
        if not path.is_file():
            raise StudyError(f"{what} are not in {folder}: there is no file {artifact}")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise StudyError(f"{what} are not in {folder}: {error.strerror or error}") from None
    if len(content) > most:
        raise StudyError(
            f"{what} are damaged or of another version: {artifact} has more than {most} bytes"
        )
    return content
