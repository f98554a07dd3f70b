"""Where studies are kept: opening a storage, the files beside it, and what can go wrong."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from sqlalchemy.engine import URL

from studies.errors import StudyError
from studies.journal import open_journal
from studies.mirror_storage import MirrorStorage
from studies.patience import Patience
from studies.patient_storage import PatientStorage
from studies.plain_tables import check_plain_tables
from studies.redaction import shown
from studies.row_storage import RowStorage
from studies.sqlite_storage import SqliteStorage
from studies.storage_failures import explained, is_concurrent_creation, is_passing
from studies.storage_url import StorageUrl, read_url

#: How long SQLite itself waits; what is still locked then is waited for with growing pauses.
_LOCK_TIMEOUT_S = 2
#: How long a server may take to accept a connection, and to answer.
_CONNECT_S, _ANSWER_S = 10, 60
#: What comes of overwritten bytes in a database whose pages are still whole.
_DAMAGE = (UnicodeDecodeError, json.JSONDecodeError, LookupError)
#: Files of the studies on a server, where nobody named another folder.
_SERVER_ARTIFACTS = "neurall-search.artifacts"
_DRIVER_NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL"}


def existing_storage(url: str) -> optuna.storages.BaseStorage:
    """Connect to a storage that must be there already; raises ``StudyError``."""
    if not storage_exists(url):
        raise StudyError(
            f"there is no storage {shown(url)}, run neurall-search first or name another with "
            "--storage"
        )
    return open_storage(url)


def storage_exists(url: str) -> bool:
    """Whether there is anything of Optuna's; writes nothing; raises ``StudyError``."""
    place = read_url(url)
    if place.file is not None:
        return place.file.is_file()
    with storage_errors(url):
        return Patience(url=url).call(lambda _: _has_tables(place))


def open_storage(url: str) -> optuna.storages.BaseStorage:
    """Connect to a storage, and make what is missing of it; raises ``StudyError``.

    A process opens its own: connections do not survive a fork.
    """
    place, patience = read_url(url), Patience(url=url)
    optuna.logging.set_verbosity(logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    with storage_errors(url):
        opened = patience.call(lambda _: _opened(place), passes=_passes_while_opening)
    return PatientStorage(opened, patience)


def artifact_folder(url: str, named: str = "") -> Path:
    """Where the files of a study's trials lie, absolute for those that are on a server.

    The folder that was named for them, else one beside the SQLite or journal file, or in this
    folder for a server. Raises ``StudyError`` where the URL names no storage.
    """
    if named:
        return Path(named).resolve()
    file = read_url(url).file
    return Path(_SERVER_ARTIFACTS).resolve() if file is None else Path(f"{file}.artifacts")


def is_server(url: str) -> bool:
    """Whether a storage is a database server's; raises ``StudyError``."""
    return read_url(url).is_server


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """One clear line, without passwords, for what databases do."""
    try:
        yield
    except _DAMAGE as error:
        raise StudyError(
            f"storage {shown(url)}: it holds what nobody can read ({explained(error, url)}): the "
            "file is damaged; move it away or use another --storage"
        ) from None
    except (
        sqlalchemy.exc.SQLAlchemyError,
        optuna.exceptions.StorageInternalError,
        OSError,
        ImportError,
        RuntimeError,
    ) as error:
        raise StudyError(f"storage {shown(url)}: {explained(error, url)}") from None


def _passes_while_opening(error: BaseException) -> bool:
    """Two processes that make the tables of a new database at once get in each other's way."""
    return is_passing(error) or is_concurrent_creation(error)


def _opened(place: StorageUrl) -> optuna.storages.BaseStorage:
    if place.engine is None:
        assert place.file is not None
        return open_journal(place.file)
    if place.file is not None:
        check_plain_tables(place.file)
    kind = SqliteStorage if place.kind == "sqlite" else RowStorage
    with _driver_of(place):
        storage = kind(_template(place.engine), engine_kwargs=_engine_arguments(place))
    return MirrorStorage(storage)


def _template(engine: URL) -> str:
    """A URL as Optuna takes it: it puts its schema's version in where braces stand."""
    return engine.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")


def _engine_arguments(place: StorageUrl) -> dict[str, Any]:
    if place.kind == "sqlite":
        return {"connect_args": {"timeout": _LOCK_TIMEOUT_S}}
    assert place.engine is not None
    wanted = _connect_arguments(place.engine.get_driver_name())
    arguments = {k: v for k, v in wanted.items() if k not in place.engine.query}
    return {"pool_pre_ping": True, "connect_args": arguments}


def _connect_arguments(driver: str) -> dict[str, int]:
    """So that a server that vanished is noticed: by default some drivers wait for hours."""
    if driver.startswith("psycopg"):
        keepalives = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
        return {"connect_timeout": _CONNECT_S, "tcp_user_timeout": 1000 * _ANSWER_S, **keepalives}
    if driver == "pymysql":
        return {
            "connect_timeout": _CONNECT_S,
            "read_timeout": _ANSWER_S,
            "write_timeout": _ANSWER_S,
        }
    return {}


def _has_tables(place: StorageUrl) -> bool:
    assert place.engine is not None
    with _driver_of(place):
        engine = sqlalchemy.create_engine(place.engine, **_engine_arguments(place))
    try:
        return sqlalchemy.inspect(engine).has_table("studies")
    finally:
        engine.dispose()


@contextmanager
def _driver_of(place: StorageUrl) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        assert place.engine is not None
        driver = place.engine.drivername.partition("+")[2]
        raise StudyError(
            f"{_DRIVER_NAMES.get(place.kind, place.kind)} needs the driver {driver}, which is not "
            f"installed ({error.__cause__ or error}): pip install 'neurall-search[{place.kind}]' "
            f"brings one for {place.kind}:// URLs"
        ) from None
