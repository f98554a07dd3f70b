"""A module that workers cannot import, though the process that starts them can."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection

if multiprocessing.current_process().name != "MainProcess":
    raise SystemExit(3)


def work(connection: Connection, threads: int) -> None:
    """Never runs."""
