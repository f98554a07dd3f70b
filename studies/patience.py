"""Waiting for a storage that is locked or away for a while."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from studies.errors import StorageOutageError, UsageError
from studies.redaction import shown
from studies.storage_failures import explained, is_passing

Result = TypeVar("Result")

#: Names how many seconds to wait for a storage, instead of the default.
PATIENCE_VARIABLE = "NEURALL_STORAGE_PATIENCE"
DEFAULT_PATIENCE_S = 60.0
#: Shorter waits are not told.
_TOLD_AFTER_S = 2.0
#: Seconds between two looks at what takes long.
_LOOK_S = 0.25
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0


def patience_s() -> float:
    """Seconds that one waits for a storage; raises ``UsageError``."""
    text = os.environ.get(PATIENCE_VARIABLE, "")
    try:
        seconds = float(text) if text else DEFAULT_PATIENCE_S
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 1e6:  # not true of nan either
        raise UsageError(f"{PATIENCE_VARIABLE} is {text!r}, use seconds from 0 to 1000000")
    return seconds


def tell_on_standard_error(text: str) -> None:
    """Tell in one line."""
    print(f"neurall-search: {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How calls of the storage ``url`` are repeated where a lock or an outage may pass.

    No pause is begun after ``limit_s`` seconds; what a call itself waits, as for the lock of a
    file, comes on top. ``tell`` is told once a call that takes longer than two seconds.
    """

    url: str = field(repr=False)
    limit_s: float = field(default_factory=patience_s)
    tell: Callable[[str], None] = tell_on_standard_error

    def call(
        self,
        function: Callable[[bool], Result],
        passes: Callable[[BaseException], bool] = is_passing,
    ) -> Result:
        """Call, and call again while ``passes``; ``function`` is told whether it is called again.

        Raises ``StorageOutageError`` when the time is up, and at once what does not pass.
        """
        with self._told():
            return self._repeated(function, passes)

    def _repeated(
        self, function: Callable[[bool], Result], passes: Callable[[BaseException], bool]
    ) -> Result:
        end, again = time.monotonic() + self.limit_s, False
        pauses = _pauses()
        while True:
            try:
                return function(again)
            except Exception as error:
                if not passes(error):
                    raise
                left = end - time.monotonic()
                if left <= 0:
                    raise self._outage(error) from None
            time.sleep(min(next(pauses), left))
            again = True

    def _outage(self, error: Exception) -> StorageOutageError:
        waited = f"; waited {self.limit_s:g} s" if self.limit_s else ""
        return StorageOutageError(
            f"storage {shown(self.url)}: {explained(error, self.url)}{waited}"
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """By a thread beside the call: drivers and file locks wait within it, unseen from here."""
        text = (
            f"waiting for storage {shown(self.url)}; if it is locked or away, "
            f"up to {self.limit_s:g} s"
        )
        call = _Call(tell=self.tell, text=text)
        try:
            if self.limit_s > _TOLD_AFTER_S:
                _WATCH.add(call)
            yield
        finally:
            _WATCH.remove(call)


@dataclass(eq=False, kw_only=True)
class _Call:
    """A call that may take long, and what is to be told then."""

    tell: Callable[[str], None]
    text: str
    began: float = field(default_factory=time.monotonic)


class _Watch:
    """Tells of calls that take long, from one thread for all.

    To start one for each call took a tenth of the time that hundreds of workers leave for a trial.
    """

    def __init__(self) -> None:
        self._calls: dict[_Call, None] = {}
        self._thread: threading.Thread | None = None

    def add(self, call: _Call) -> None:
        """A call begins."""
        self._calls[call] = None
        if self._thread is None or not self._thread.is_alive():  # it is not after a fork
            thread = threading.Thread(target=self._look, daemon=True)
            with suppress(RuntimeError):  # no more threads: then nothing is told
                thread.start()  # a second one, begun at the same time, does no harm
                self._thread = thread

    def remove(self, call: _Call) -> None:
        """A call has ended; one that was not added does no harm."""
        self._calls.pop(call, None)

    def forget(self) -> None:
        """Forget all calls: they are another process's."""
        self._calls.clear()

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            for call in list(self._calls):
                late = time.monotonic() - call.began >= _TOLD_AFTER_S
                if late and self._calls.pop(call, call) is None:
                    with suppress(Exception):  # whoever listens is gone: others are still told
                        call.tell(call.text)


_WATCH = _Watch()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_WATCH.forget)


def _pauses() -> Iterator[float]:
    """Twice as long each time, with jitter, so that processes do not come back all at once."""
    pause = _FIRST_PAUSE_S
    while True:
        yield pause * random.uniform(0.5, 1.0)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
