"""A folder of arrays that is written whole or not at all, whatever crashes meanwhile."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from nas.data.source import DataError

_META = "meta.json"
_LOCK = "building.lock"
_SCRATCH = ".building-"
#: A folder this young may be without its lock because its owner is about to take it.
_YOUNG_S = 60

Array = NDArray[np.generic]
Layout = Mapping[str, tuple[tuple[int, ...], np.dtype[np.generic]]]


class ArrayFile:
    """A ``.npy`` file of known shape, written row by row.

    Plain writes rather than a writable memory map: where the disk is full they raise, whereas a
    memory map kills the process.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
        self._path = path
        self._dtype = dtype
        self._left = shape[0]
        self._row = shape[1:]
        self._file = path.open("wb")
        header = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(self._file, header)
        self._file.flush()

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError) if kind else nullcontext():
            self._file.close()

    def append(self, rows: Array) -> None:
        """Add rows ``(n, …)`` of the file's type."""
        assert rows.dtype == self._dtype, (self._path, rows.dtype, self._dtype)
        assert rows.shape[1:] == self._row, (self._path, rows.shape, self._row)
        self._left -= len(rows)
        self._file.write(np.ascontiguousarray(rows).data)
        self._file.flush()  # nothing buffered may be inherited by a forked process

    def finish(self) -> int:
        """Bring all rows to the disk; the size of the file in bytes."""
        assert self._left == 0, f"{self._path}: {self._left} rows are missing"
        os.fsync(self._file.fileno())
        return self._file.tell()


@contextmanager
def build_folder(
    folder: Path, identity: dict[str, object], layout: Layout
) -> Iterator[dict[str, ArrayFile]]:
    """Files by name to append to; all of them appear as ``folder`` when the block ends.

    If the block raises, nothing is left. If another process was faster, its folder stays and this
    one is dropped. Raises ``DataError`` where the disk is full or not writable.
    """
    with writing(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder.parent)
        scratch = _make_scratch(folder)
    try:
        with ExitStack() as stack:
            with writing(folder.parent):
                stack.enter_context(_locked(scratch / _LOCK))
                files = {
                    name: stack.enter_context(ArrayFile(scratch / name, *array))
                    for name, array in layout.items()
                }
            yield files
            with writing(folder.parent):
                _write_meta(scratch, identity, {n: file.finish() for n, file in files.items()})
        with writing(folder.parent):
            _move(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read_meta(folder: Path, names: Iterable[str]) -> object:
    """The identity that a whole folder was built with; None where the folder is absent or
    damaged, or a file is not as long as it was."""
    try:
        meta = json.loads((folder / _META).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == meta["files"][name] for name in names)
        return meta["identity"] if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def discard(folder: Path) -> None:
    """Delete a folder that is damaged or stale, if it is there."""
    if not folder.is_dir():
        with writing(folder.parent):
            folder.unlink(missing_ok=True)
        return
    with writing(folder.parent):
        doomed = _make_scratch(folder)
        with suppress(FileNotFoundError):  # another process was faster
            folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Turn an error of the file system into one that names the cache and the repair."""
    try:
        yield
    except OSError as error:
        repair = "free some space" if error.errno == errno.ENOSPC else "make it writable"
        raise DataError(
            f"{root}: the cache cannot be written: {error.strerror or error}; {repair}, or set "
            "NEURALL_CACHE to another folder"
        ) from error


def _make_scratch(folder: Path) -> Path:
    scratch = folder.with_name(f"{folder.name}{_SCRATCH}{uuid.uuid4().hex}")
    scratch.mkdir()
    return scratch


def _write_meta(scratch: Path, identity: dict[str, object], sizes: dict[str, int]) -> None:
    """Last of all: a folder without it is half-written."""
    meta = json.dumps({"identity": identity, "files": sizes}, indent=1)
    with (scratch / _META).open("w", encoding="utf-8") as file:
        file.write(meta)
        file.flush()
        os.fsync(file.fileno())


def _move(scratch: Path, folder: Path) -> None:
    """Rename, unless another process has put its own there."""
    (scratch / _LOCK).unlink()
    try:
        scratch.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a lock that the system lets go of when this process dies."""
    with file.open("wb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _remove_abandoned(root: Path) -> None:
    """Delete what killed processes left behind: scratch folders that nobody holds the lock of."""
    for scratch in root.glob(f"*{_SCRATCH}*"):
        with suppress(OSError):
            if time.time() - scratch.stat().st_mtime < _YOUNG_S:
                continue
            with suppress(FileNotFoundError), _locked(scratch / _LOCK):
                shutil.rmtree(scratch, ignore_errors=True)
