"""A password in a storage's URL is nowhere to be found afterwards."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

import nas.fidelity
from studies.cli import main
from studies.config import SearchConfig
from studies.opening import load_study
from studies.patience import PATIENCE_VARIABLE
from studies.result import read_result
from studies.storage import existing_storage
from tests.studies.servers import ENCODED, PASSWORD, Mysql, Postgresql

_SEARCH = "--budget 30tops --trials 1 --fix encoder=resnet10 --fix width=16 --device cpu"
_SEARCH += " --early-stopping off --sampler random"
_PATIENCE_S = 60


@pytest.fixture(autouse=True)
def here(
    tmp_path: Path, tiny: Callable[..., SearchConfig], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Commands run in an empty folder, searches take seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(nas.fidelity, "FIDELITIES", {"quick": tiny().fidelity})
    return tmp_path


def _has_password(text: str) -> bool:
    return PASSWORD in text or ENCODED in text


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command and returns what it printed, once it was searched for the password."""

    def run(command: str, *more: str, code: int = 0) -> str:
        assert main([*command.split(), *more]) == code, capfd.readouterr()
        captured = capfd.readouterr()
        assert not _has_password(captured.out + captured.err)
        assert "Traceback" not in captured.err
        return captured.out + captured.err

    return run


@pytest.mark.slow
def test_a_study_on_a_server(
    postgresql: Postgresql, run: Callable[..., str], here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = postgresql.new_database("passwords")
    where = ("--storage", url)
    assert "postgresql://searcher:***@" in run(f"{_SEARCH} --dry-run", *where)
    assert not list(here.iterdir())
    assert "--storage 'postgresql://searcher:***@" in run(f"{_SEARCH} --artifacts kept", *where)
    for command in (f"{_SEARCH} --json", "front --json"):
        assert '"storage": "postgresql://searcher:***@' in run(command, *where)
    run("front --plot front.html", *where)
    run("show 0", *where)
    run("export 0 --out out --resolution 128x64", *where)
    run("finalize --seeds 1 --json", *where)
    store = load_study(url)
    assert store.artifacts.folder == here / "kept"
    assert not _has_password(repr(read_result(store)))
    files = [path for path in here.rglob("*") if path.is_file()]
    assert files
    assert not any(_has_password(path.read_bytes().decode("latin-1")) for path in files)
    storage = existing_storage(url)
    (study,) = storage.get_all_studies()
    trials = storage.get_all_trials(study._study_id)
    assert not _has_password(repr(vars(study)) + repr(trials))
    assert not _has_password(caplog.text)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_what_goes_wrong_with_a_server(
    kind: str,
    run: Callable[..., str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, "0.3")
    server: Postgresql | Mysql = request.getfixturevalue(kind)
    url = server.url("nothing_there")
    assert "create the database first" in run("front", "--storage", url, code=1)
    away = url.replace(str(server.port), "1")
    for command in ("front", "dashboard", "finalize", _SEARCH):
        assert "waited 0.3 s" in run(command, "--storage", away, code=1)
    wrong = server.url(password=f"{ENCODED}-")
    assert "check user" in run("front", "--storage", wrong, code=1)
    assert "is no URL" in run("front", "--storage", url.replace(str(server.port), "port"), code=1)
    assert "***@" in run("front", url, code=2)
    assert "***@" in run(url, code=2)


def test_a_driver_that_is_not_installed(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, driver in (("postgresql", "psycopg"), ("mysql", "pymysql")):
        monkeypatch.setitem(sys.modules, driver, None)
        told = run("front", "--storage", f"{kind}://searcher:{ENCODED}@localhost/db", code=1)
        assert f"pip install 'neurall-search[{kind}]'" in told


def _dashboard(url: str, port: int) -> subprocess.Popen[bytes]:
    script = "import sys; from studies.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", script, "dashboard", "--storage", url, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    )


def _studies(port: int) -> list[dict[str, object]]:
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/api/studies", timeout=10) as page:
                found: list[dict[str, object]] = json.load(page)["study_summaries"]
                return found
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize("any_storage", ["journal", "postgresql", "mysql"], indirect=True)
def test_the_dashboard_serves_every_storage(any_storage: str, here: Path) -> None:
    optuna.create_study(study_name="one", storage=_opened(any_storage))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    process = _dashboard(any_storage, port)
    try:
        assert [study["study_name"] for study in _studies(port)] == ["one"]
    finally:
        process.terminate()
        told = process.communicate()[1].decode()
    assert f"http://localhost:{port}/ shows " in told
    assert not _has_password(told)


def _opened(url: str) -> optuna.storages.BaseStorage:
    from studies.storage import open_storage

    return open_storage(url)
