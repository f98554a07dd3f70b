from __future__ import annotations

import os
from pathlib import Path

import pytest

from studies.artifact_file import read_artifact
from studies.errors import StudyError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("of somebody else")
    (tmp_path / "study.artifacts").mkdir()
    (tmp_path / "study.artifacts" / "1f2e-3d").write_bytes(b"weights")
    return tmp_path / "study.artifacts"


def test_a_file_is_read_by_its_id(folder: Path) -> None:
    assert read_artifact(folder, "1f2e-3d", "the weights", most=7) == b"weights"


@pytest.mark.parametrize(
    "artifact", ["../secret", "/etc/passwd", "a/b", "", ".", "x" * 65, 7, None]
)
def test_an_id_never_leads_out_of_the_folder(artifact: object, folder: Path) -> None:
    with pytest.raises(StudyError, match="their id names no file"):
        read_artifact(folder, artifact, "the weights")


def test_what_is_missing_a_pipe_or_too_large_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for artifact in ("gone", "pipe"):
        with pytest.raises(StudyError, match=f"there is no file {artifact}"):
            read_artifact(folder, artifact, "the weights")
    with pytest.raises(StudyError, match="has more than 6 bytes"):
        read_artifact(folder, "1f2e-3d", "the weights", most=6)
