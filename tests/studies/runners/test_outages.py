"""Searches whose database goes away or whose disk is full."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from studies.patience import PATIENCE_VARIABLE
from studies.record import TrialRecord
from tests.studies.runners.drivers import Driver, Ended, statuses, until
from tests.studies.runners.faults import Faults
from tests.studies.servers import PASSWORD, Postgresql

Start = Callable[..., Driver]
pytestmark = pytest.mark.slow


@pytest.fixture
def server(postgresql: Postgresql) -> Iterator[Postgresql]:
    """A server that runs again afterwards."""
    yield postgresql
    postgresql.stop()
    postgresql.start()


#: Both workers wait with these until the test lets them go on.
_HELD = ("trial 1", "trial 2")


def _middle(records: list[TrialRecord]) -> bool:
    """One is trained and others run."""
    return {"complete", "running"} <= set(statuses(records))


def _told_in_one_line(ended: Ended) -> str:
    assert ended.code == 1, ended
    assert "Traceback" not in ended.err
    assert PASSWORD not in ended.err
    (line,) = (line for line in ended.err.splitlines() if line.startswith("neurall-search: error"))
    return line


def _complete(records: list[TrialRecord]) -> list[TrialRecord]:
    return [record for record in records if record.status == "complete"]


def test_a_search_outlives_a_restart_of_its_server(
    start: Start, fault: Callable[..., Faults], server: Postgresql
) -> None:
    happened = fault(held=_HELD)
    url = server.new_database(f"d{uuid.uuid4().hex}")
    driver = start("--workers", "2", "--trials", "5", storage=url)
    before = _complete(driver.wait_for(_middle))
    server.stop()
    happened.release()
    time.sleep(4)
    server.start()
    ended = driver.end()
    assert ended.code == 0, ended
    after = driver.records()
    assert statuses(after) == ["complete"] * 5
    assert [after[r.number] for r in before] == before
    assert len({b.title for b in happened.began()}) == len(happened.began())


def test_a_server_that_stays_away_ends_the_search_and_the_same_command_goes_on(
    start: Start, fault: Callable[..., Faults], server: Postgresql
) -> None:
    happened = fault(held=_HELD)
    url = server.new_database(f"d{uuid.uuid4().hex}")
    search = ("--workers", "2", "--trials", "4")
    driver = start(*search, storage=url, environment={PATIENCE_VARIABLE: "2"})
    before = _complete(driver.wait_for(_middle))
    server.stop()
    happened.release()
    line = _told_in_one_line(driver.end(30))
    assert "waited 2 s" in line
    assert until(lambda: driver.group() == []) < 5
    server.start()
    again = start(*search, storage=url).end()
    assert again.code == 0, again
    after = driver.records()
    assert statuses(after).count("complete") == 4
    assert [after[r.number] for r in before] == before


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """A disk of 32 MB in a folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("one may not mount a small disk here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_the_search_and_with_more_room_the_same_command_goes_on(
    start: Start, fault: Callable[..., Faults], tmp_path: Path
) -> None:
    search = ("--workers", "2", "--trials", "5")
    happened = fault(held=_HELD)
    with _small_disk(tmp_path / "disk"):
        url = f"sqlite:///{tmp_path}/disk/study.db"
        driver = start(*search, storage=url)
        before = _complete(driver.wait_for(_middle))
        rest = tmp_path / "disk" / "rest"
        with rest.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        happened.release()
        line = _told_in_one_line(driver.end(60))
        assert "full" in line or "No space" in line
        assert until(lambda: driver.group() == []) < 5
        rest.unlink()
        again = start(*search, storage=url).end()
        assert again.code == 0, again
        after = driver.records()
        assert statuses(after).count("complete") == 5
        assert [after[r.number] for r in before] == before
