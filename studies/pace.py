"""How fast a search goes: what is done, and how long the rest will take."""

from __future__ import annotations

import time

from studies.figures import duration
from studies.record import TrialRecord


class Pace:
    """Counts and clocks of one run."""

    def __init__(self) -> None:
        self.trained = 0
        self.trials = 0
        self.stopped = 0
        self.refused = 0
        self._began = time.monotonic()
        self._steps = (0, 0)
        self._trainings = 0
        self._since, self._from = self._began, 0

    def progress(self, trained: int, trials: int) -> None:
        """So many candidates are trained, of so many.

        Told before the first of them, the clock of candidates begins anew.
        """
        if not self._trainings or trained == self.trained == self._from:
            self._since, self._from = time.monotonic(), trained
        self.trained, self.trials = trained, trials

    def training_starts(self) -> None:
        """A training begins."""
        self._began, self._steps = time.monotonic(), (0, 0)

    def training_step(self, done: int, total: int) -> None:
        """The training is so far."""
        self._steps = (done, total)

    def training_ends(self) -> None:
        """The training that began last is over."""
        self._trainings += 1

    def trial_ends(self, record: TrialRecord) -> None:
        """A trial was trained, stopped early, refused, or failed."""
        self.stopped += record.status == "stopped"
        self.refused += record.status == "refused"

    def training_left_s(self) -> float:
        """Seconds that the current training will still take, 0 before its first step."""
        done, total = self._steps
        return (time.monotonic() - self._began) * (total - done) / done if done else 0.0

    def left_s(self) -> float | None:
        """Seconds that all candidates will still take, None before one was trained to the end.

        Those that were stopped early count for the ones that were not.
        """
        done = self.trained - self._from
        if done < 1:
            return None
        return (time.monotonic() - self._since) / done * (self.trials - self.trained)

    def summary(self) -> str:
        """``3 of 20 done, 6 stopped early, 2 refused, 4 min 10 s left``."""
        words = [f"{self.trained} of {self.trials} done"]
        if self.stopped:
            words.append(f"{self.stopped} stopped early")
        if self.refused:
            words.append(f"{self.refused} refused")
        left = self.left_s()
        if left:
            words.append(f"{duration(left)} left")
        return ", ".join(words)
