"""Files of trials in a folder: there as a whole, or not there."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from optuna.artifacts.exceptions import ArtifactNotFound

from studies.errors import StudyError

_UNFINISHED = ".part"


class AtomicArtifactStore:
    """An artifact store of Optuna's (``open_reader``, ``write``, ``remove``) in a folder.

    A file gets its name once all of it is on the disk, so neither a kill nor a full disk leaves
    half of one. What is not in ``folder`` is looked for in the folders ``others``.
    """

    def __init__(self, folder: Path, *others: Path) -> None:
        self.folder = folder
        self._others = others

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open a file; raises ``ArtifactNotFound``."""
        for folder in (self.folder, *self._others):
            with suppress(FileNotFoundError):
                return open(_path(folder, artifact_id), "rb")
        raise ArtifactNotFound(f"there is no {artifact_id}")

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep a file; raises ``StudyError`` where it cannot be kept, and leaves nothing then."""
        path = _path(self.folder, artifact_id)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _unfinished(path) as part:
                _copy(content_body, part)
                os.replace(part, path)
            _sync_folder(self.folder)
        except OSError as error:
            raise StudyError(
                f"a file of a trial cannot be kept in {self.folder}: {error.strerror or error}; "
                "mend that, then the same command goes on"
            ) from None

    def remove(self, artifact_id: str) -> None:
        """Remove a file; raises ``ArtifactNotFound``."""
        try:
            _path(self.folder, artifact_id).unlink()
        except FileNotFoundError:
            raise ArtifactNotFound(f"there is no {artifact_id}") from None


def _path(folder: Path, artifact_id: str) -> Path:
    if Path(artifact_id).name != artifact_id:  # an absolute path, or one that leads elsewhere
        raise ValueError(f"artifact {artifact_id!r} is no name of a file")
    return folder / artifact_id


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """A name beside ``path`` that is gone afterwards."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_UNFINISHED}")
    try:
        yield part
    finally:
        with suppress(OSError):
            part.unlink()


def _copy(content: BinaryIO, path: Path) -> None:
    with open(path, "xb") as file:
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Write the new name down as well, where the system lets folders be synced."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
