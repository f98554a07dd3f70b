from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from optuna.samplers import RandomSampler

import studies.storage
from nas.tasks.kinds import make_task
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.space import SearchSpace
from studies.errors import StudyError
from studies.objectives import objectives_named
from studies.opening import create_study, load_study
from studies.patience import PATIENCE_VARIABLE
from studies.storage import existing_storage

_SPACE = SearchSpace.for_tasks(DEFAULT_TASKS)
_TASKS = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
_OBJECTIVES = objectives_named(["delta_m", "macs"], _TASKS)
_SETTINGS = {"identity": {"seed": 0}}


def test_a_locked_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    create_study(url, "one", _OBJECTIVES, _SETTINGS)
    monkeypatch.setattr(studies.storage, "_LOCK_TIMEOUT_S", 0.1)
    monkeypatch.setenv(PATIENCE_VARIABLE, "0.2")
    waiting = load_study(url)
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StudyError, match="locked by another program"):
            waiting.ask(_SPACE, RandomSampler(seed=0))
    finally:
        connection.close()
    assert waiting.ask(_SPACE, RandomSampler(seed=0))[0] == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("study", "is no URL"),
        ("sqlite://", "names no file"),
        ("sqlite:///missing/study.db", "create it first"),
        ("sqlite:///.", "is a folder"),
    ],
)
def test_storages_that_cannot_be(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=words):
        create_study(name, "one", _OBJECTIVES, _SETTINGS)
    with pytest.raises(StudyError, match=words):
        existing_storage(name)
