from __future__ import annotations

import io

import pytest
from rich.console import Console

from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared
from studies.display import PlainDisplay, display
from studies.figures import duration, percent
from studies.live_display import LiveDisplay, front_sketch
from studies.observer import Observer
from studies.pace import Pace
from studies.record import Status, TrialRecord

_ARCHITECTURE = shared(DEFAULT_TASKS)


def _record(number: int, status: Status = "complete", delta_m: float = 1.5) -> TrialRecord:
    return TrialRecord(
        number=number,
        status=status,
        architecture=_ARCHITECTURE,
        metrics={"depth": {"delta_1_25": 0.75, "abs_rel": 0.2}},
        delta_m=delta_m,
        macs=20_000_000_000,
        share=0.5,
        seconds=12,
        reason="diverged" if status == "failed" else "",
    )


def _watch(observer: Observer) -> None:
    """What a search tells."""
    observer.message("budget [30 tops]")
    observer.progress(0, 2)
    for done in (10, 20):
        observer.data("synthetic", "train", done, 20)
    for title in ("single-task depth", "trial 0"):
        observer.training_starts(title, _ARCHITECTURE)
        observer.training_step(title, 1, 2)
        observer.training_step(title, 2, 2)
        observer.training_ends(title)
    observer.progress(1, 2)
    observer.trial_ends(_record(0))
    observer.front([_record(0)])
    observer.trial_ends(_record(1, "refused"))
    observer.trial_ends(_record(2, "repeated"))
    observer.trial_ends(_record(4, "stopped"))
    observer.trial_ends(_record(3, "failed"))


def test_without_a_terminal_plain_lines() -> None:
    out = io.StringIO()
    with display(Console(file=out, width=40)) as observer:
        assert isinstance(observer, PlainDisplay)
        _watch(observer)
    lines = out.getvalue().splitlines()
    assert lines[:3] == [
        "budget [30 tops]",
        "data synthetic, train: 20 of 20 frames",
        "single-task depth: training",
    ]
    assert lines[3].startswith("trial 0: Δm +1.5 %, 20 GMAC, depth 0.750 (12 s) [1 of 2 done")
    assert lines[4].startswith("trial 4 stopped: ")
    assert lines[5].startswith("trial 3 failed: diverged [1 of 2 done, 1 stopped early, 1 refused")
    assert len(lines) == 6
    assert not [c for c in out.getvalue() if not c.isprintable() and c != "\n"]


def test_long_trainings_are_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    out = io.StringIO()
    with display(Console(file=out)) as observer:
        observer.training_starts("trial 4", _ARCHITECTURE)
        for step in range(1, 11):
            now[0] += 10.0
            observer.training_step("trial 4", step, 10)
    lines = out.getvalue().splitlines()
    assert lines[0] == "trial 4: step 3 of 10, 1 min 10 s left"
    assert len(lines) == 3


def test_on_a_terminal_bars_and_the_front_as_it_grows() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, height=30)
    with display(console) as observer:
        assert isinstance(observer, LiveDisplay)
        observer.training_starts("trial 0", _ARCHITECTURE)
        observer.training_step("trial 0", 3, 10)
        with console.capture() as capture:
            console.print(observer._drawing())
        assert "step 3 of 10" in capture.get()
        _watch(observer)
        with console.capture() as capture:
            console.print(observer._drawing())
    assert "front of 1" in capture.get()
    assert "1 of 2 done, 1 stopped early, 1 refused" in capture.get()
    assert "trial 3 failed: diverged" in out.getvalue()
    assert "budget [30 tops]" in out.getvalue()


def test_a_long_front_shows_its_best() -> None:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        console.print(front_sketch([_record(n, delta_m=float(n)) for n in range(40)]))
    text = capture.get()
    assert "front of 40, 28 not shown" in text
    assert "+39.0" in text
    assert "+27.0" not in text


def test_time_left_follows_the_mean_of_what_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    pace = Pace()
    assert pace.left_s() is None
    for seconds in (10.0, 20.0):
        pace.training_starts("a")
        pace.training_step("a", 0, 4)
        assert pace.training_left_s("a") == 0
        now[0] += seconds / 2
        pace.training_step("a", 2, 4)
        assert pace.training_left_s("a") == pytest.approx(seconds / 2)
        now[0] += seconds / 2
        pace.training_ends("a")
    pace.progress(2, 6)
    assert pace.left_s() == pytest.approx(15 * 4)
    assert pace.summary() == "2 of 6 done, 1 min 00 s left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.7, "1 min 00 s"), (45, "45 s"), (200, "3 min 20 s"), (3900, "1 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_shares() -> None:
    assert (percent(None), percent(0.284)) == ("–", "28%")


def test_time_left_begins_with_the_candidates_and_counts_stopped_ones_for_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    pace = Pace()
    pace.progress(3, 6)
    pace.training_starts("a")
    now[0] = 100.0  # single-task networks and shared weights
    pace.training_ends("a")
    pace.progress(3, 6)
    for _ in range(4):  # three that are stopped early, one that is not
        pace.training_starts("a")
        now[0] += 5.0
        pace.training_ends("a")
    pace.progress(4, 6)
    assert pace.left_s() == pytest.approx(2 * 20.0)
