from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from studies.dashboard import check_port
from studies.errors import StudyError
from studies.result import StudyResult

_PATIENCE_S = 30


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        number: int = free.getsockname()[1]
    return number


@pytest.fixture
def address(finished: StudyResult, port: int) -> Iterator[str]:
    """A dashboard that serves the finished study."""
    arguments = ["dashboard", "--storage", finished.storage, "--port", str(port)]
    script = "import sys; from studies.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ),
    )
    try:
        yield f"http://localhost:{port}"
    finally:
        process.kill()
        process.wait()


def _get(url: str) -> bytes:
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                body: bytes = response.read()
                return body
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@pytest.mark.slow
def test_the_page_and_the_studys_trials_with_their_pictures(
    address: str, finished: StudyResult
) -> None:
    assert b"<html" in _get(f"{address}/dashboard").lower()
    studies: Any = json.loads(_get(f"{address}/api/studies"))
    (study,) = studies["study_summaries"]
    assert study["study_name"] == finished.study
    detail: Any = json.loads(_get(f"{address}/api/studies/{study['study_id']}?after=0"))
    trials = {trial["number"]: trial for trial in detail["trials"]}
    for trial in finished.complete:
        shown = trials[trial.number]
        assert shown["state"] == "Complete"
        assert [float(value) for value in shown["values"]] == list(trial.values)
        pictures = [a for a in shown["artifacts"] if a["filename"] == "predictions.png"]
        (picture,) = pictures
        path = f"{study['study_id']}/{shown['trial_id']}/{picture['artifact_id']}"
        assert _get(f"{address}/artifacts/{path}").startswith(b"\x89PNG")
        assert "Δm" in shown["note"]["body"]
    assert detail["objective_names"] == ["delta_m", "macs"]


def test_a_port_in_use_is_told(port: int) -> None:
    check_port(port)
    with socket.socket() as taken:
        taken.bind(("localhost", port))
        taken.listen()
        with pytest.raises(StudyError, match=f"port {port} is taken"):
            check_port(port)
