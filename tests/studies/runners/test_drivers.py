"""Searches whose own process ends, and several of them on one study."""

from __future__ import annotations

import signal
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from studies.opening import load_study
from studies.record import TrialRecord
from tests.studies.runners.drivers import Driver, Ended, statuses, until
from tests.studies.runners.faults import VARIABLE, Faults

Fault = Callable[..., Faults]
Start = Callable[..., Driver]
pytestmark = pytest.mark.slow


def _unchanged(before: list[TrialRecord], after: list[TrialRecord]) -> bool:
    return all(after[r.number] == r for r in before if r.status == "complete")


def _no_network_twice(records: list[TrialRecord]) -> bool:
    networks = [r.network for r in records if r.status == "complete"]
    return len(networks) == len(set(networks))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_ctrl_c_and_sigterm_queue_again_what_ran_and_leave_no_process(
    start: Start, fault: Fault, number: signal.Signals
) -> None:
    fault(stuck=("trial 2", "trial 3"))
    driver = start("--workers", "2", "--trials", "9")
    before = driver.wait_for(
        lambda r: statuses(r) == ["complete"] * 2 + ["running"] * 3  # the third is for who is next
    )
    driver.tell(number, group=number == signal.SIGINT)
    if number == signal.SIGTERM:
        driver.tell(number)  # some clusters say it twice
    ended = driver.end(30)
    assert ended.code == 130, ended
    assert ended.document["trials"]["complete"] == 2
    assert "Traceback" not in ended.err
    assert until(lambda: driver.group() == []) < 5
    after = driver.records()
    assert statuses(after)[2:] == ["interrupted"] * 3 + ["waiting"] * 3
    assert [r.architecture for r in after[5:]] == [r.architecture for r in after[2:5]]
    assert _unchanged(before, after)


def test_ctrl_c_while_workers_begin_is_one_line(start: Start) -> None:
    driver = start("--workers", "2")
    until(lambda: len(driver.group()) >= 3)
    driver.tell(signal.SIGINT, group=True)
    ended = driver.end(30)
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert until(lambda: driver.group() == []) < 5


def test_workers_of_a_killed_driver_end_and_the_same_command_goes_on(
    start: Start, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = fault(stuck=("trial 1", "trial 2"))
    driver = start("--workers", "2", "--trials", "3")
    before = driver.wait_for(lambda r: statuses(r) == ["complete", "running", "running"])
    until(lambda: {"trial 1", "trial 2"} <= {b.title for b in happened.began()})
    driver.tell(signal.SIGKILL)
    assert until(lambda: driver.group() == []) < 5
    seeds = {b.title: b.seed for b in happened.began()}
    monkeypatch.delenv(VARIABLE)
    again = start("--workers", "2", "--trials", "3").end()
    assert again.code == 0, again
    after = load_study(driver.storage).records()
    assert statuses(after) == ["complete", "interrupted", "interrupted", "complete", "complete"]
    assert _unchanged(before, after)
    assert {(r.network, r.origin, r.attempt) for r in after[3:]} == {
        (r.network, r.number, 2) for r in after[1:3]
    }
    assert len(seeds) == 5
    assert again.document["trials"]["complete"] == 3


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A storage that several processes share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/study.db"
    server = request.getfixturevalue("postgresql")
    return str(server.new_database(f"d{uuid.uuid4().hex}"))


def _exactly(drivers: list[Ended], storage: str, trials: int, happened: Faults) -> None:
    """Together they ended with as many as were asked for, and agree on the front."""
    assert [d.code for d in drivers] == [0] * len(drivers), drivers
    records = load_study(storage).records()
    assert statuses(records).count("complete") == trials
    assert "running" not in statuses(records)
    assert _no_network_twice(records)
    fronts = [d.document["front"] for d in drivers]
    assert all(front == fronts[0] for front in fronts)
    began = Counter(b.title for b in happened.began() if b.title.startswith("single-task"))
    assert set(began.values()) == {1}


def test_two_drivers_on_one_study_end_with_as_many_as_asked_together(
    start: Start, fault: Fault, storage: str
) -> None:
    happened = fault(slow={"MainProcess": 0.5})
    drivers = [start("--trials", "5", storage=storage) for _ in range(2)]
    _exactly([d.end() for d in drivers], storage, 5, happened)
    began = [b for b in happened.began() if b.title.startswith("trial")]
    assert len({b.network for b in began}) == len(began)
    assert len({b.pid for b in began}) == 2


def test_what_a_killed_driver_leaves_the_other_one_takes_over(
    start: Start, fault: Fault, storage: str
) -> None:
    happened = fault(slow={"MainProcess": 0.5})
    drivers = [start("--trials", "5", storage=storage, samples=16) for _ in range(2)]

    def both_train(records: list[TrialRecord]) -> bool:
        owners = {r.owner.pid for r in records if r.status == "running" and r.owner}
        began = {b.title for b in happened.began()}
        running = {f"trial {r.number}" for r in records if r.status == "running"}
        return len(owners) == 2 and running <= began and "complete" in statuses(records)

    before = drivers[0].wait_for(both_train)
    (mine,) = (
        r.number
        for r in before
        if r.status == "running" and r.owner and r.owner.pid == drivers[0].pid
    )
    drivers[0].tell(signal.SIGKILL)
    drivers[0].end()
    _exactly([drivers[1].end()], storage, 5, happened)
    after = load_study(storage).records()
    assert _unchanged(before, after)
    (taken,) = (r for r in after if r.origin == mine and r.status == "complete")
    assert taken.attempt == 2
