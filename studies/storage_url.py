"""What a storage's URL names: a SQLite file, a database server, or a journal file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from studies.errors import StudyError
from studies.redaction import shown

Kind = Literal["sqlite", "journal", "postgresql", "mysql"]

_JOURNAL = "journal:"
#: Names that databases go by. To Optuna, MariaDB is MySQL.
_KINDS: Mapping[str, Kind] = {
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_DRIVERS: Mapping[Kind, str] = {"sqlite": "pysqlite", "postgresql": "psycopg", "mysql": "pymysql"}
_EXAMPLES = (
    "sqlite:///neurall-search.db, postgresql://user@host/database, mysql://user@host/database or "
    "journal:///shared/study.log"
)


@dataclass(frozen=True, kw_only=True)
class StorageUrl:
    """A storage as one names it.

    ``file`` is that of a SQLite or journal storage, None for a server; ``engine`` is what
    SQLAlchemy is given, with the driver that is used where none was named, None for a journal.
    """

    kind: Kind
    file: Path | None = None
    engine: URL | None = field(default=None, repr=False)

    @property
    def is_server(self) -> bool:
        """Whether it is a database server, which several machines can use."""
        return self.file is None


def read_url(url: str) -> StorageUrl:
    """Understand a URL; raises ``StudyError`` where it names nothing that could be a storage."""
    if url.startswith(_JOURNAL):
        return StorageUrl(kind="journal", file=_checked(url, _journal_path(url)))
    engine = _engine(url)
    name, _, driver = engine.drivername.partition("+")
    kind = _KINDS.get(name)
    if kind is None:
        raise StudyError(f"storage {shown(url)} is of an unknown kind, write {_EXAMPLES}")
    engine = engine.set(drivername=f"{kind}+{driver or _DRIVERS[kind]}")
    if kind != "sqlite":
        return StorageUrl(kind=kind, engine=engine)
    if engine.database in (None, "", ":memory:"):
        raise StudyError(f"storage {shown(url)} names no file, write sqlite:///neurall-search.db")
    return StorageUrl(kind=kind, file=_checked(url, engine.database or ""), engine=engine)


def _engine(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise StudyError(f"storage {shown(url)!r} is no URL, write {_EXAMPLES}") from None


def _journal_path(url: str) -> str:
    """``journal:///abs/path.log`` and ``journal:relative.log``."""
    path = url.removeprefix(_JOURNAL)
    if path.startswith("//"):
        path = path.removeprefix("//")
        if not path.startswith("/"):
            raise StudyError(
                f"storage {shown(url)} names a host: write journal:///{path} for a file from the "
                f"root, journal:{path} for one from here"
            )
    if not path:
        raise StudyError(f"storage {url} names no file, write journal:neurall-search.log")
    return path


def _checked(url: str, path: str) -> Path:
    file = Path(path)
    folder = file.resolve().parent
    if not folder.is_dir():
        raise StudyError(f"storage {shown(url)}: the folder {folder} is not there, create it first")
    if file.is_dir():
        raise StudyError(f"storage {shown(url)}: {file} is a folder, name a file")
    return file
