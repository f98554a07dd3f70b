"""Ctrl-C that waits until something is done whole, and is kept from child processes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM wait for the end of the block; a second one does not wait.

    In the middle of a database's transaction an interrupt can leave a lock behind that the same
    process then waits for. Also a decorator; other threads than the main one hear no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        if len(heard) > 1:
            _act(number, frame)

    def _act(number: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        elif handler == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    held = [number for number, handler in before.items() if handler is not None]
    for number in held:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number in held:
            signal.signal(number, before[number])
        if len(heard) == 1:
            _act(heard[0], None)


@contextmanager
def starting_process() -> Iterator[None]:
    """For the start of a process: Ctrl-C waits for the end of the block, and never reaches it.

    A terminal sends it to all; a parent ends its processes itself. It is blocked for the sake of
    the process, which inherits that. The parent hears it all the same, through any other thread,
    and would leave a process without what it is to do.
    """
    with held_back():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
