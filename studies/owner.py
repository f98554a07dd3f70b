"""Which process runs a trial, and whether that process is still there."""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
#: Runs of this process that ended before it did, as in a notebook or a script with two searches.
_ENDED: set[str] = set()


@dataclass(frozen=True, kw_only=True)
class Owner:
    """One run of a search.

    ``machine`` is equal for processes that can see each other: the same boot and process
    namespace. ``started`` is when the process began, in the system's ticks, as numbers of processes
    are given out again.
    """

    host: str
    machine: str
    pid: int
    started: int
    run: str

    @classmethod
    def here(cls) -> Owner:
        """A new run in this process."""
        return cls(
            host=socket.gethostname(),
            machine=_machine(),
            pid=os.getpid(),
            started=_started(os.getpid()) or 0,
            run=uuid.uuid4().hex[:12],
        )

    def end(self) -> None:
        """Its run ended, and this process goes on."""
        _ENDED.add(self.run)

    def is_gone(self) -> bool | None:
        """Whether run or process ended; None where it runs on a machine that is not this one."""
        if self.machine != _machine():
            return None
        return self.run in _ENDED or _started(self.pid) != self.started

    def to_json(self) -> str:
        """As it stands on a trial."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: object) -> Owner | None:
        """What ``to_json`` wrote; None for anything else."""
        try:
            values: dict[str, Any] = json.loads(str(text))
            return cls(
                host=str(values["host"]),
                machine=str(values["machine"]),
                pid=int(values["pid"]),
                started=int(values["started"]),
                run=str(values["run"]),
            )
        except (ValueError, KeyError, TypeError):
            return None


def _machine() -> str:
    """Differs between machines, boots, and containers that do not see each other's processes."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> int | None:
    """When a process of this machine began; None where there is none.

    Where the system does not tell, every process that is there began at 0.
    """
    try:
        after_name = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return None if after_name[0] in "ZX" else int(after_name[19])
    except (OSError, IndexError, ValueError):
        return None if _PROC.joinpath("self").exists() else _alive(pid)


def _alive(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return 0
    return 0
