"""Searches in processes of their own, to be disturbed from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studies.errors import StudyError
from studies.opening import load_study
from studies.record import TrialRecord

ROOT = Path(__file__).parents[3]
#: What every such search has in common.
ARGUMENTS = (
    *("--budget", "30tops", "--tasks", "depth,segmentation", "--sampler", "tpe"),
    *("--fix", "encoder=resnet10", "--fix", "width=16,24", "--fix", "decoder_width=32"),
    *("--fix", "pruning=none", "--early-stopping", "off", "--json"),
)
_PATIENCE_S = 120


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


class Driver:
    """A running ``neurall-search search``, in a process group of its own."""

    def __init__(
        self,
        folder: Path,
        storage: str,
        *arguments: str,
        samples: int = 8,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.storage = storage
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.studies.runners.driver", str(samples)),
                *(*ARGUMENTS, "--storage", storage, *arguments),
            ],
            cwd=folder,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": str(ROOT),
                **(environment or {}),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal, to its children as well as a terminal does."""
        (os.killpg if group else os.kill)(self.pid, number)

    def end(self, patience_s: float = _PATIENCE_S) -> Ended:
        """Wait for its end."""
        out, err = self._process.communicate(timeout=patience_s)
        return Ended(code=self._process.returncode, out=out, err=err)

    def clear_away(self) -> None:
        """Leave nothing of it behind."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.communicate()

    def group(self) -> list[int]:
        """Processes that are left of it and its children, without those that wait to be read."""
        return [pid for pid in _processes() if _group(pid) == self.pid]

    def records(self) -> list[TrialRecord]:
        """The trials of its study, none before it was made."""
        try:
            return load_study(self.storage).records()
        except StudyError:
            return []

    def wait_for(self, what: Callable[[list[TrialRecord]], bool]) -> list[TrialRecord]:
        """Wait until its trials are as a test needs them."""
        records: list[TrialRecord] = []

        def there() -> bool:
            nonlocal records
            assert self._process.poll() is None, self._process.communicate()
            records = self.records()
            return what(records)

        until(there)
        return records


def until(there: Callable[[], bool], patience_s: float = _PATIENCE_S) -> float:
    """Wait until something is so; returns the seconds."""
    begin = time.monotonic()
    while not there():
        assert time.monotonic() - begin < patience_s, "it did not happen"
        time.sleep(0.1)
    return time.monotonic() - begin


def statuses(records: list[TrialRecord]) -> list[str]:
    return [record.status for record in records]


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _group(pid: int) -> int | None:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in "ZX" else int(after_name[2])
