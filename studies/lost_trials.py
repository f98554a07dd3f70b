"""Trials whose process is gone: they are queued again, a stated number of times."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from studies.errors import TrialTakenError
from studies.heartbeat import ENDED, Watch
from studies.job import MOST_ATTEMPTS
from studies.owner import Owner
from studies.record import TrialRecord
from studies.store import StudyStore

#: Seconds between two looks at what other processes run.
_EVERY_S = 5.0
#: Seconds in which a process says that a trial is its own.
_NAMELESS_S = 30.0


class LostTrials:
    """Looks after the trials that other processes run on the same study."""

    def __init__(self, store: StudyStore) -> None:
        self._store = store
        self._watch = Watch()
        self._nameless = Watch(silence_s=_NAMELESS_S)
        self._looked: float | None = None
        self._beats_read: tuple[float, dict[str, int]] | None = None

    def is_gone(self, owner: Owner) -> bool:
        """Whether a run has ended, as far as can be told from here."""
        if owner.run == self._store.owner.run:
            return False
        gone = owner.is_gone()
        if gone:
            return True
        count = self._beats().get(owner.run, 0)
        return count == ENDED if gone is False else self._watch.is_silent(owner.run, count)

    def _beats(self) -> dict[str, int]:
        """All runs' counts, read now and then: they stand among the notes of all trials."""
        now = time.monotonic()
        if self._beats_read is None or now - self._beats_read[0] >= _EVERY_S:
            self._beats_read = now, self._store.runs.beats()
        return self._beats_read[1]

    def queue_again(self, mine: Iterable[int]) -> Iterator[str]:
        """Queue again what nobody runs any more; what it did, a line a trial.

        ``mine`` are numbers of the trials that this process runs. Looks only now and then.
        """
        now = time.monotonic()
        if self._looked is not None and now - self._looked < _EVERY_S:
            return
        self._looked = now
        known = set(mine)
        for record in self._store.records():
            if record.status == "running" and record.number not in known and self._lost(record):
                try:
                    yield self._queue(record)
                except TrialTakenError:
                    continue  # another process was faster

    def _lost(self, record: TrialRecord) -> bool:
        if record.owner is None:
            return self._nameless.is_silent(f"trial {record.number}", 0)
        # one of this run that nobody here knows was begun twice: its first answer got lost
        return record.owner.run == self._store.owner.run or self.is_gone(record.owner)

    def _queue(self, record: TrialRecord) -> str:
        number = record.number
        if record.attempt >= MOST_ATTEMPTS:
            reason = f"its process ended {record.attempt} times before it was trained"
            self._store.fail(number, "failed", reason)
            return f"trial {number} failed: {reason}"
        self._store.queue_again(
            number,
            "its process ended; queued again",
            attempt=record.attempt + 1,
            same_seed=True,
        )
        return f"trial {number} was cut off and is queued again"
