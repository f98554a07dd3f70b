from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest
from optuna.artifacts.exceptions import ArtifactNotFound

from studies.artifact_store import AtomicArtifactStore
from studies.errors import StudyError


def test_what_is_written_is_read_and_removed(tmp_path: Path) -> None:
    store = AtomicArtifactStore(tmp_path / "new" / "folder")
    store.write("a", io.BytesIO(b"one"))
    store.write("a", io.BytesIO(b"two"))
    with store.open_reader("a") as file:
        assert file.read() == b"two"
    assert os.listdir(store.folder) == ["a"]
    store.remove("a")
    for gone in (store.open_reader, store.remove):
        with pytest.raises(ArtifactNotFound):
            gone("a")


class _Breaking(io.BytesIO):
    """A source or disk that fails after some bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().read(4)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    store = AtomicArtifactStore(tmp_path)
    store.write("a", io.BytesIO(b"one"))
    with pytest.raises(StudyError, match=f"kept in {tmp_path}: No space left on device"):
        store.write("a", _Breaking(b"a longer text"))
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"one"


def test_a_file_is_looked_for_in_the_other_folders(tmp_path: Path) -> None:
    AtomicArtifactStore(tmp_path / "old").write("a", io.BytesIO(b"one"))
    with AtomicArtifactStore(tmp_path / "new", tmp_path / "old").open_reader("a") as file:
        assert file.read() == b"one"


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "b/../../a"])
def test_names_that_lead_elsewhere_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name of a file"):
        AtomicArtifactStore(tmp_path).open_reader(name)
