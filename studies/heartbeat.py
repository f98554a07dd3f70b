"""How runs on other machines tell that they are still there.

A run counts up on the study. Whoever wants to know watches the count on a clock of its own, so no
two machines' clocks are compared, and one that is set anew changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from studies.errors import StudyError

#: Seconds between two beats, and without one before a run counts as gone.
BEAT_S = 15.0
#: The count of a run that has ended.
ENDED = -1
SILENCE_S = 120.0


class Heartbeat:
    """Counts up as long as its block lasts, in a thread, then says that it ended.

    ``write`` keeps a count.
    """

    def __init__(self, write: Callable[[int], None], *, every_s: float = BEAT_S) -> None:
        self._write, self._every_s = write, every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=1.0)
        with suppress(StudyError):
            self._write(ENDED)

    def _beat(self) -> None:
        count = 0
        while True:
            count += 1
            with suppress(StudyError):  # whoever uses the storage is told what is wrong with it
                self._write(count)
            if self._ended.wait(self._every_s):
                return


class Watch:
    """Which runs have fallen silent, as seen from here."""

    def __init__(self, *, silence_s: float = SILENCE_S) -> None:
        self._silence_s = silence_s
        self._seen: dict[str, tuple[int, float]] = {}

    def is_silent(self, run: str, count: int) -> bool:
        """Whether a run ended, or did not count up since it was first looked at so long ago."""
        if count == ENDED:
            return True
        now = time.monotonic()
        known, since = self._seen.get(run, (-1, now))
        if count != known:
            self._seen[run] = (count, now)
            return False
        return now - since > self._silence_s
