"""Optuna's journal: a file to which machines with a shared folder append."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.storages.journal._storage import JournalOperation
from optuna.trial import FrozenTrial

from studies.errors import StudyError
from studies.trial_copies import apart

#: After so long a lock counts as left behind by a process that was killed. Who holds one writes a
#: line and syncs it, which takes milliseconds, and on a network folder that stalls some seconds.
_LOCK_GRACE_S = 30
#: What is written together: nothing that another line of the same would have to read.
_COLLECTED = (
    JournalOperation.SET_STUDY_SYSTEM_ATTR,
    JournalOperation.SET_TRIAL_INTERMEDIATE_VALUE,
    JournalOperation.SET_TRIAL_USER_ATTR,
    JournalOperation.SET_TRIAL_SYSTEM_ATTR,
)
_FIRST_BYTES = b'{"op_code":'
_BLOCK_BYTES = 4096


def open_journal(file: Path) -> Journal:
    """Open a journal, a new one where there is none; raises ``OSError`` and ``StudyError``."""
    return Journal(JournalFile(file))


class Journal(JournalStorage):
    """Optuna's storage in a journal, in which what belongs together is appended at once.

    A line takes the lock, and waits for the disk: 20 of them a trial.
    """

    def __init__(self, backend: JournalFile) -> None:
        self._collecting = threading.local()
        super().__init__(backend)

    def together(self, write: Callable[[], None]) -> None:
        """Append at once what ``write`` writes on trials and notes from this thread.

        Raises ``UpdateFinishedTrialError`` where one of the trials has ended.
        """
        if getattr(self._collecting, "logs", None) is not None:
            write()
            return
        logs: list[dict[str, Any]] = []
        self._collecting.logs = logs
        try:
            write()
        finally:
            self._collecting.logs = None
        ended: UpdateFinishedTrialError | None = None
        with self._thread_lock:
            self._backend.append_logs(logs)
            for _ in range(len(logs) + 1):  # each line about a trial that ended raises once
                try:
                    self._sync_with_backend()
                    break
                except UpdateFinishedTrialError as error:
                    ended = error
        if ended is not None:
            raise ended

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """A trial, whose attributes whoever asks may change, as Optuna does that wrote them."""
        return apart(super().get_trial(trial_id))

    def _write_log(self, op_code: int, extra_fields: dict[str, Any]) -> None:
        logs = getattr(self._collecting, "logs", None)
        if logs is None or op_code not in _COLLECTED:
            super()._write_log(op_code, extra_fields)
        else:
            worker_id = self._replay_result.worker_id
            logs.append({"op_code": op_code, "worker_id": worker_id, **extra_fields})


class JournalFile(JournalFileBackend):
    """Optuna's file, in which a line that was cut off spoils none that follows.

    A process that is killed, or a disk that gets full, leaves half a line. Optuna appends to that,
    and nobody can read the file any more; here it is cut away by whoever writes next.

    The lock is a file that is created exclusively, which NFS does since its third version. Optuna's
    default, a symbolic link, waits for ever for a lock left behind beside a relative path: the link
    leads nowhere, so its age is never known.
    """

    def __init__(self, file: Path) -> None:
        path = str(file.resolve())
        super().__init__(path, JournalFileOpenLock(path, grace_period=_LOCK_GRACE_S))
        self._check()

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Records from one on; raises ``StudyError`` where the file is damaged."""
        try:
            for record in super().read_logs(log_number_from):
                if not isinstance(record, dict) or "op_code" not in record:
                    raise ValueError("a line is no record")
                yield record
        except ValueError as error:
            raise StudyError(
                f"journal {self._file_path} is damaged ({error}); move it away or use another "
                "--storage"
            ) from None

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records, all or none of them; raises ``OSError``."""
        lines = b"".join(_line(record) for record in logs)
        with self._locked(), open(self._file_path, "a+b", buffering=0) as file:
            end = _end_of_lines(file)
            file.truncate(end)
            try:
                _write(file, lines)
            except BaseException:
                file.truncate(end)
                raise
            os.fsync(file.fileno())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.acquire()
        try:
            yield
        finally:
            with suppress(RuntimeError):  # it took so long that another process took it over
                self._lock.release()

    def _check(self) -> None:
        """Nothing is cut off a file that is no journal."""
        with open(self._file_path, "rb") as file:
            begin = file.read(len(_FIRST_BYTES))
        if not _FIRST_BYTES.startswith(begin):
            raise StudyError(
                f"{self._file_path} is no journal of Optuna; name another file with --storage"
            )


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _write(file: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _end_of_lines(file: io.FileIO) -> int:
    """Where the last whole line ends."""
    end = file.seek(0, os.SEEK_END)
    start = end
    while start:
        start = max(0, start - _BLOCK_BYTES)
        file.seek(start)
        newline = file.read(_BLOCK_BYTES).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
    return 0
