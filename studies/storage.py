"""Where studies are kept: opening a storage, the files beside it, and what can go wrong."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import sqlalchemy.exc
from sqlalchemy.engine import make_url

from studies.errors import StudyError
from studies.plain_tables import check_plain_tables

_LOCK_TIMEOUT_S = 30

#: What comes of overwritten bytes in a database whose pages are still whole.
_DAMAGE = (UnicodeDecodeError, json.JSONDecodeError, LookupError)


def existing_storage(url: str) -> optuna.storages.BaseStorage:
    """Connect to a storage that must be there already; raises ``StudyError``."""
    _check_exists(url)
    return open_storage(url)


def open_storage(url: str) -> optuna.storages.BaseStorage:
    """Connect to a storage; raises ``StudyError``."""
    optuna.logging.set_verbosity(logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    with storage_errors(url):
        file = sqlite_file(url)
        if file is None:
            return _other_storage(url)
        check_plain_tables(file)
        arguments = {"connect_args": {"timeout": _LOCK_TIMEOUT_S}}
        return optuna.storages.RDBStorage(url, engine_kwargs=arguments)


def artifact_folder(url: str) -> Path:
    """Where the files of a storage's trials lie: beside a SQLite file, else in this folder."""
    file = sqlite_file(url)
    return Path("neurall-search.artifacts") if file is None else Path(f"{file}.artifacts")


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite storage, None for another kind; raises ``StudyError``."""
    with storage_errors(url):
        parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if parsed.database in (None, "", ":memory:"):
        raise StudyError(f"storage {url} names no file, write sqlite:///neurall-search.db")
    file = Path(parsed.database or "")
    folder = file.resolve().parent
    if not folder.is_dir():
        raise StudyError(f"storage {url}: the folder {folder} is not there, create it first")
    if file.is_dir():
        raise StudyError(f"storage {url}: {file} is a folder, name a file")
    return file


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """One clear line for what databases do."""
    try:
        yield
    except sqlalchemy.exc.ArgumentError:
        raise StudyError(
            f"storage {url!r} is no URL, write for example sqlite:///neurall-search.db"
        ) from None
    except _DAMAGE as error:
        raise StudyError(
            f"storage {url}: it holds what nobody can read ({_explained(error)}): the file is "
            "damaged; move it away or use another --storage"
        ) from None
    except (
        sqlalchemy.exc.SQLAlchemyError,
        optuna.exceptions.StorageInternalError,
        OSError,
        ImportError,
        RuntimeError,
    ) as error:
        raise StudyError(f"storage {url}: {_explained(error)}") from None


def _check_exists(url: str) -> None:
    file = sqlite_file(url)
    if file is not None and not file.is_file():
        raise StudyError(
            f"there is no storage {url}, run neurall-search first or name another with --storage"
        )


def _other_storage(url: str) -> optuna.storages.BaseStorage:
    try:
        return optuna.storages.get_storage(url)
    except ValueError as error:
        raise StudyError(f"storage {url}: {' '.join(str(error).split())}") from None


def _explained(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
    text = " ".join(str(getattr(cause, "orig", None) or cause).split())
    if "database is locked" in text:
        return "it is locked by another program; close that or use another --storage"
    if "not a database" in text or "malformed" in text:
        return f"{text}: the file is damaged or no database; move it away or use another --storage"
    if "readonly" in text or "unable to open" in text:
        return f"{text}: check the path and that it may be written"
    return text[:300]
