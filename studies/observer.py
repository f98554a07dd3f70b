"""What a running search tells whoever watches it; every method may be left as it is."""

from __future__ import annotations

from collections.abc import Sequence

from search_spaces.architecture import Architecture
from studies.record import TrialRecord


class Observer:
    """Watches a search and does nothing; displays and scripts override what they need."""

    def message(self, text: str) -> None:
        """One line for the user."""

    def progress(self, trained: int, trials: int) -> None:
        """Candidates of the study that are trained so far, of so many."""

    def data(self, source: str, split: str, done: int, total: int) -> None:
        """Frames of a split that are decoded so far."""

    def training_starts(self, title: str, architecture: Architecture) -> None:
        """A baseline or a candidate begins to train."""

    def training_step(self, title: str, done: int, total: int) -> None:
        """Steps of a training that are done; several may go on at a time."""

    def training_ends(self, title: str) -> None:
        """A training is over, however it went."""

    def trial_ends(self, record: TrialRecord) -> None:
        """A candidate was trained, refused, or failed."""

    def front(self, front: Sequence[TrialRecord]) -> None:
        """The front changed."""
