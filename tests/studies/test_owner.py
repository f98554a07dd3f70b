from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from studies.heartbeat import ENDED, Heartbeat, Watch
from studies.owner import Owner

_ASLEEP = "import time; time.sleep(600)"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", _ASLEEP])
    yield process
    process.kill()
    process.wait()


def _of(pid: int) -> Owner:
    """The run that a process would be."""
    from studies.owner import _started

    return replace(Owner.here(), pid=pid, started=_started(pid) or 0)


def test_a_run_is_there_until_its_process_ends(sleeper: subprocess.Popen[bytes]) -> None:
    owner = _of(sleeper.pid)
    assert owner.is_gone() is False
    os.kill(sleeper.pid, signal.SIGKILL)
    while sleeper.returncode is None and owner.is_gone() is False:
        time.sleep(0.01)
    assert owner.is_gone() is True  # also before its parent has asked for it
    sleeper.wait()
    assert owner.is_gone() is True


def test_a_number_of_a_process_that_was_given_out_again_is_another_run(
    sleeper: subprocess.Popen[bytes],
) -> None:
    owner = _of(sleeper.pid)
    assert replace(owner, started=owner.started - 1).is_gone() is True


def test_of_a_run_on_another_machine_nothing_is_known_from_here() -> None:
    assert replace(Owner.here(), machine="another").is_gone() is None


def test_two_runs_of_a_process_are_not_the_same() -> None:
    assert Owner.here() != Owner.here()


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '{"pid": "x"}', "nothing", None, 7, '{"host": 1}']
)
def test_what_is_no_owner_is_none(text: object) -> None:
    assert Owner.from_json(text) is None


def test_an_owner_comes_back() -> None:
    owner = Owner.here()
    assert Owner.from_json(owner.to_json()) == owner


# --- heartbeats ---------------------------------------------------------------------------------


def test_a_heart_beats_until_its_block_ends() -> None:
    counts: list[int] = []
    with Heartbeat(counts.append, every_s=0.01):
        deadline = time.monotonic() + 5
        while len(counts) < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
    ended = len(counts)
    assert counts == [*range(1, ended), ENDED]
    assert ended > 3
    time.sleep(0.05)
    assert len(counts) == ended


def test_a_run_is_silent_once_its_count_stood_still_whatever_clocks_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("studies.heartbeat.time.monotonic", lambda: now)
    # a clock that jumps by a year changes nothing
    monkeypatch.setattr("time.time", lambda: 4e9 if now > 50 else 1e9)
    watch = Watch(silence_s=120)
    assert not watch.is_silent("a", 5)
    now = 119.0
    assert not watch.is_silent("a", 5)
    assert not watch.is_silent("a", 6)
    now = 238.0
    assert not watch.is_silent("a", 6)
    now = 240.0
    assert watch.is_silent("a", 6)
    assert not watch.is_silent("a", 7)
