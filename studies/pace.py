"""How fast a search goes: what is done, and how long the rest will take."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from studies.figures import duration
from studies.record import TrialRecord


@dataclass(frozen=True, kw_only=True)
class _Training:
    """When a training began, and its steps."""

    began: float
    done: int = 0
    total: int = 0


class Pace:
    """Counts and clocks of one run."""

    def __init__(self) -> None:
        self.trained = 0
        self.trials = 0
        self.stopped = 0
        self.refused = 0
        self._going_on: dict[str, _Training] = {}
        self._trainings = 0
        self._since, self._from = time.monotonic(), 0

    def progress(self, trained: int, trials: int) -> None:
        """So many candidates are trained, of so many.

        Told before the first of them, the clock of candidates begins anew.
        """
        if not self._trainings or trained == self.trained == self._from:
            self._since, self._from = time.monotonic(), trained
        self.trained, self.trials = trained, trials

    def training_starts(self, title: str) -> None:
        """A training begins."""
        self._going_on[title] = _Training(began=time.monotonic())

    def training_step(self, title: str, done: int, total: int) -> None:
        """A training is so far."""
        self._going_on[title] = replace(self._going_on[title], done=done, total=total)

    def training_ends(self, title: str) -> None:
        """A training is over."""
        del self._going_on[title]
        self._trainings += 1

    def trial_ends(self, record: TrialRecord) -> None:
        """A trial was trained, stopped early, refused, or failed."""
        self.stopped += record.status == "stopped"
        self.refused += record.status == "refused"

    def training_left_s(self, title: str) -> float:
        """Seconds that a training will still take, 0 before its first step."""
        training = self._going_on[title]
        if not training.done:
            return 0.0
        passed = time.monotonic() - training.began
        return passed * (training.total - training.done) / training.done

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
