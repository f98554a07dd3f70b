"""Servers that stop, files that are locked, disks that are full."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from optuna.samplers import RandomSampler

from nas.tasks.kinds import make_task
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.space import SearchSpace
from studies.errors import StorageOutageError, StudyError
from studies.objectives import objectives_named
from studies.opening import create_study, load_study
from studies.patience import PATIENCE_VARIABLE
from studies.store import StudyStore
from tests.studies.servers import ENCODED, PASSWORD, Mysql, Postgresql

_SPACE = SearchSpace.for_tasks(DEFAULT_TASKS)
_TASKS = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
_OBJECTIVES = objectives_named(["delta_m", "macs"], _TASKS)
_SETTINGS = {"identity": {"seed": 0}}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of studies on servers are kept in an empty folder."""
    monkeypatch.chdir(tmp_path)


def _create(url: str, artifacts: str = "") -> StudyStore:
    return create_study(url, "one", _OBJECTIVES, _SETTINGS, artifacts)


@pytest.fixture(params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[Postgresql | Mysql]:
    """A server that runs again afterwards."""
    server: Postgresql | Mysql = request.getfixturevalue(request.param)
    yield server
    server.stop()
    server.start()


def test_a_server_that_comes_back_is_waited_for(
    server: Postgresql | Mysql, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.new_database("comes_back")
    store, written = _create(url), []

    def write() -> None:
        while len(written) < 20 or not back.is_set():
            store.set_attribute(f"value {len(written)}", len(written))
            written.append(len(written))

    back = threading.Event()
    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.3)
    server.stop()
    before = len(written)
    time.sleep(2.5)
    server.start()
    back.set()
    number, architecture = store.ask(_SPACE, RandomSampler(seed=0))
    writer.join(30)
    assert len(written) > before > 0
    assert load_study(url).attributes("value ") == {f"value {i}": i for i in written}
    assert load_study(url).record(number).architecture == architecture
    told = capsys.readouterr().err
    assert told.count("up to 60 s") == 1
    assert PASSWORD not in told
    assert ENCODED not in told


def test_a_server_that_stays_away_is_told_in_one_line(
    server: Postgresql | Mysql, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.new_database("stays_away")
    monkeypatch.setenv(PATIENCE_VARIABLE, "0.5")
    store = _create(url)
    server.stop()
    for call in (store.records, lambda: _create(url), lambda: load_study(url)):
        begin = time.monotonic()
        with pytest.raises(StorageOutageError, match=r"waited 0.5 s$") as error:
            call()
        assert time.monotonic() - begin < 10
        assert "***@" in str(error.value)
        assert "\n" not in str(error.value)
        assert PASSWORD not in str(error.value)


@contextmanager
def _locked(file: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(file, check_same_thread=False)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield connection
    finally:
        connection.close()


def test_a_locked_file_that_is_released_is_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = _create("sqlite:///study.db")
    with _locked(tmp_path / "study.db") as connection:
        threading.Timer(3, connection.rollback).start()
        store.set_attribute("value", 1)
    assert store.attributes("value") == {"value": 1}
    assert capsys.readouterr().err.count("waiting") == 1


# --- a full disk --------------------------------------------------------------------------------


@contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """A disk of 2 MB in a folder; False where one may not mount any."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def _full(folder: Path, mounted: bool) -> Iterator[None]:
    """Not a byte more can be written, at least to files that are larger than 1 kB."""
    if mounted:
        rest = folder / "rest"
        with rest.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        yield
        rest.unlink()
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("kind", ["mount", "limit"])
@pytest.mark.parametrize("url", ["sqlite:///disk/study.db", "journal:disk/study.log"])
def test_a_full_disk_is_told_and_what_was_written_stays(
    url: str, kind: str, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with _small_disk(disk) if kind == "mount" else _unmounted() as mounted:
        if kind == "mount" and not mounted:
            pytest.skip("one may not mount a small disk here")
        store = _create(url)
        number, architecture = store.ask(_SPACE, RandomSampler(seed=0))
        store.refuse(number, "refused", "too dear", {})
        weights = tmp_path / "weights"
        weights.write_bytes(bytes(200_000))
        with _full(disk, mounted):
            with pytest.raises(StudyError, match=r"full|No space|too large|I/O error") as error:
                _write_much(store)
            assert "\n" not in str(error.value)
            cannot = pytest.raises(StudyError, match=r"kept in .*: (No space|File too large)")
            with cannot, weights.open("rb") as file:
                store.artifacts.write("weights", file)
        assert os.listdir(store.artifacts.folder) == []
        again = load_study(url)
        assert [r.reason for r in again.records()] == ["too dear"]
        assert again.record(0).architecture == architecture
        second, _ = again.ask(_SPACE, RandomSampler(seed=1))
        again.refuse(second, "refused", "too slow", {})
        assert [r.reason for r in load_study(url).records()] == ["too dear", "too slow"]


def _write_much(store: StudyStore) -> None:
    for i in range(500):
        store.set_attribute(f"value {i}", "x" * 1000)


@contextmanager
def _unmounted() -> Iterator[bool]:
    yield False


# --- folders of files ---------------------------------------------------------------------------


def test_the_folder_of_files_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    store = _create(url, "kept")
    assert store.artifacts.folder == tmp_path / "kept"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_study(url).artifacts.folder == tmp_path / "kept"
    (tmp_path / "kept").rmdir()
    with pytest.raises(StudyError, match=r"is not here: mount it, or .* --artifacts"):
        _create(url)
    assert _create(url, "moved").artifacts.folder == tmp_path / "elsewhere" / "moved"
    assert load_study(url).artifacts.folder == tmp_path / "elsewhere" / "moved"


def test_files_of_a_server_are_found_from_another_folder(
    postgresql: Postgresql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql.new_database("files")
    assert _create(url).artifacts.folder == tmp_path / "neurall-search.artifacts"
    monkeypatch.chdir("/")
    assert load_study(url).artifacts.folder == tmp_path / "neurall-search.artifacts"
