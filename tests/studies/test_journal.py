from __future__ import annotations

import os
from pathlib import Path

import optuna
import pytest

import studies.journal
from studies.errors import StudyError
from studies.journal import open_journal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal with a study and a trial that ended."""
    file = tmp_path / "study.log"
    study = optuna.create_study(study_name="one", storage=open_journal(file))
    study.tell(study.ask(), 1.0)
    return file


def _values(file: Path) -> list[float | None]:
    study = optuna.load_study(study_name="one", storage=open_journal(file))
    return [trial.value for trial in study.trials]


def test_half_a_line_of_a_killed_process_spoils_nothing(file: Path) -> None:
    with file.open("ab") as journal:
        journal.write(b'{"op_code":4,"worker_id":"' + b"x" * 10_000)
    assert _values(file) == [1.0]
    study = optuna.load_study(study_name="one", storage=open_journal(file))
    study.tell(study.ask(), 2.0)
    assert _values(file) == [1.0, 2.0]
    assert b"xxx" not in file.read_bytes()


def test_a_write_that_fails_midway_is_taken_back(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, storage = file.read_bytes(), open_journal(file)

    def half(journal: object, data: bytes) -> None:
        journal.write(data[: len(data) // 2])  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(studies.journal, "_write", half)
        with pytest.raises(OSError, match="No space left"):
            storage.set_study_user_attr(0, "a", 1)
    assert file.read_bytes() == before
    assert not file.with_name("study.log.lock").exists()
    storage.set_study_user_attr(0, "a", 2)
    assert open_journal(file).get_study_user_attrs(0)["a"] == 2


def test_a_lock_that_a_killed_process_left_is_taken_over(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies.journal, "_LOCK_GRACE_S", 1)
    monkeypatch.chdir(file.parent)
    Path("study.log.lock").touch()
    storage = open_journal(Path("study.log"))
    storage.set_study_user_attr(0, "a", 1)
    assert not Path("study.log.lock").exists()


@pytest.mark.parametrize("content", [b"a note", b"\x89PNG\r\n", b"{}\n", b"[1]"])
def test_a_file_that_is_no_journal_is_left_as_it_is(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "other"
    file.write_bytes(content)
    with pytest.raises(StudyError, match="is no journal"):
        open_journal(file)
    assert file.read_bytes() == content


@pytest.mark.parametrize("line", [b"nothing\n", b"5\n", b"\xff\xfe\n"])
def test_a_damaged_journal(line: bytes, file: Path) -> None:
    file.write_bytes(file.read_bytes() + line + b'{"op_code":1}\n')
    with pytest.raises(StudyError, match="is damaged"):
        open_journal(file)


def test_an_empty_file_is_a_journal_yet_to_begin(tmp_path: Path) -> None:
    file = tmp_path / "new.log"
    os.mknod(file)
    assert open_journal(file).get_all_studies() == []
