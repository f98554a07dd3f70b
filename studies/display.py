"""How a search that runs is told on standard error: live on a terminal, else in plain lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from search_spaces.architecture import Architecture
from studies.figures import duration, trial_line
from studies.live_display import LiveDisplay
from studies.observer import Observer
from studies.pace import Pace
from studies.record import TrialRecord

#: Seconds between two lines about the same training or decoding.
_QUIET_S = 20.0


@contextmanager
def display(console: Console | None = None) -> Iterator[Observer]:
    """An observer that tells how it goes, as the console allows; a live one ends with the block."""
    console = console or Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield PlainDisplay(console)
        return
    live = LiveDisplay(console)
    with live:
        yield live


class PlainDisplay(Observer):
    """One line for each thing that happened, without control characters."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pace = Pace()
        self._told = time.monotonic()

    def message(self, text: str) -> None:
        """The line."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._told = time.monotonic()

    def data(self, source: str, split: str, done: int, total: int) -> None:
        """A line at the end, and now and then before."""
        if done == total or self._is_time():
            self.message(f"data {source}, {split}: {done} of {total} frames")

    def progress(self, trained: int, trials: int) -> None:
        """Kept for the next line."""
        self._pace.progress(trained, trials)

    def training_starts(self, title: str, architecture: Architecture) -> None:
        """A line for what is no trial: a trial is told when it ends."""
        self._pace.training_starts(title)
        if not title.startswith("trial "):
            self.message(f"{title}: training")

    def training_step(self, title: str, done: int, total: int) -> None:
        """A line now and then."""
        self._pace.training_step(title, done, total)
        if self._is_time():
            left = self._pace.training_left_s(title)
            self.message(f"{title}: step {done} of {total}, {duration(left)} left")

    def training_ends(self, title: str) -> None:
        """Nothing: the trial's line follows."""
        self._pace.training_ends(title)

    def trial_ends(self, record: TrialRecord) -> None:
        """A line for a trial that was trained, stopped early or failed; others are counted."""
        self._pace.trial_ends(record)
        if record.status in ("complete", "stopped", "failed"):
            self.message(f"{trial_line(record)} [{self._pace.summary()}]")

    def _is_time(self) -> bool:
        return time.monotonic() - self._told > _QUIET_S
