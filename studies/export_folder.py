"""The folder of an export: written whole or not at all, and never over somebody's own files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studies.errors import StudyError

ARCHITECTURE = "architecture.json"
WEIGHTS = "weights.safetensors"
MODEL = "model.onnx"
README = "README.md"
FILES = (ARCHITECTURE, WEIGHTS, MODEL, README)


class ExportError(StudyError):
    """An export that cannot be written, checked or read; says why and the repair."""


@contextmanager
def replaced_folder(out: Path) -> Iterator[Path]:
    """A new folder beside ``out`` that takes its place when the block ends without error.

    A previous export or an empty folder is replaced, anything else is refused before the block
    begins. Raises ``ExportError``, also for whatever the disk refuses.
    """
    out = Path(os.path.abspath(out))
    _check_replaceable(out)
    scratch: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
        new = scratch / "new"
        new.mkdir()
        yield new
        _check_replaceable(out)
        if out.exists():
            out.rename(scratch / "old")
        new.rename(out)
    except OSError as error:
        raise ExportError(f"cannot export to {out}: {error.strerror or error}") from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def check_destination(out: Path) -> None:
    """Raise ``ExportError`` now if an export to ``out`` would be refused later."""
    _check_replaceable(Path(os.path.abspath(out)))


def _check_replaceable(out: Path) -> None:
    try:
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            raise ExportError(f"{out} is no folder, name one that is new or a previous export")
        blocker = next((p for p in out.parents if p.exists() and not p.is_dir()), None)
        if blocker:
            raise ExportError(f"{blocker} is a file, {out} cannot be made inside of it")
        found = sorted(path.name for path in out.iterdir()) if out.exists() else []
    except OSError as error:
        raise ExportError(f"cannot export to {out}: {error.strerror or error}") from None
    if found and not _is_export(found):
        stranger = next((name for name in found if name not in FILES), found[0])
        raise ExportError(
            f"{out} holds {stranger}, which is no export: name a new folder, or empty this one"
        )


def _is_export(found: list[str]) -> bool:
    return set(found) <= set(FILES) and {ARCHITECTURE, MODEL} <= set(found)
