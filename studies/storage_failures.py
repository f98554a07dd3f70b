"""What an error of a storage means: whether it passes by itself, and what to tell of it."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator

from studies.redaction import redacted

#: https://www.postgresql.org/docs/current/errcodes-appendix.html: serialization failure,
#: deadlock, lock not available, too many connections, shutdown, crash, starting up, and idle ones
#: that the server ended. Class 08 (connection exception) counts as a whole.
_SQL_STATES = frozenset(
    {"40001", "40P01", "55P03", "53300", "57P01", "57P02", "57P03", "57P05", "25P03"}
)
#: https://mariadb.com/kb/en/mariadb-error-codes/ and the client's: too many connections (also of
#: one user), shutdown, network trouble, lock wait timeout, deadlock, killed, cannot connect, gone
#: away, lost connection, idle for too long, changed since it was read.
_MYSQL_CODES = frozenset(
    {1020, 1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 4031}
)
#: While a connection is made, PostgreSQL's client has words alone.
_CONNECTING = (
    "connection refused",
    "connection reset",
    "connection timed out",
    "connection timeout",
    "timeout expired",
    "is the server running",
    "server closed the connection",
    "starting up",
    "shutting down",
    "recovery mode",
    "not yet accepting connections",
    "too many clients",
    "too many connections",
    "remaining connection slots",
    "network is unreachable",
    "no route to host",
    "temporary failure in name resolution",
    "could not receive data",
    "could not send data",
)
_UNKNOWN_HOST = ("name or service not known", "nodename nor servname", "no address associated")
#: What network folders answer in passing.
_ERRNOS = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.ESTALE,
        errno.ENOLCK,
        errno.ETIMEDOUT,
        errno.ECONNRESET,
        errno.ECONNREFUSED,
        errno.ECONNABORTED,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
    }
)
_SQLITE_PASSING = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")
#: Part of a message, and what helps.
_REPAIRS = (
    ("database is locked", "it is locked by another program; close that or use another --storage"),
    ("not a database", "{text}: the file is damaged or no database; move it away or use another "
     "--storage"),
    ("malformed", "{text}: the file is damaged; move it away or use another --storage"),
    ("disk is full", "{text}: free some space, then the same command goes on"),
    ("no space left", "{text}: free some space, then the same command goes on"),
    ("disk i/o error", "{text}: the disk may be full or broken"),
    ("readonly", "{text}: check the path and that it may be written"),
    ("unable to open", "{text}: check the path and that it may be written"),
    ("unknown database", "{text}: create the database first"),
    ("password authentication failed", "{text}: check user and password"),
    ("access denied", "{text}: check user, password and what the user may do"),
)  # fmt: skip


def is_passing(error: BaseException) -> bool:
    """Whether a lock, a restart or a network is the cause, so that the same call may work later.

    A full disk, a missing database, a wrong password and damage are not.
    """
    return any(_is_passing(cause) for cause in _causes(error))


def is_concurrent_creation(error: BaseException) -> bool:
    """Whether another process made the same tables at the same moment."""
    words = ("already exists", "duplicate key", "duplicate entry", "unique constraint failed")
    text = " ".join(str(cause).lower() for cause in _causes(error))
    return any(word in text for word in words)


def explained(error: BaseException, url: str = "") -> str:
    """What is wrong and what helps, in at most a line and without passwords."""
    *_, cause = _causes(error)
    text = redacted(" ".join(str(cause).split()), url)[:300]
    for part, repair in _REPAIRS:
        if part in text.lower():
            return repair.format(text=text)
    if _is_missing_database(text):
        return f"{text}: create the database first"
    return text or type(cause).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what a library wrapped into it: Optuna SQLAlchemy's, that the driver's."""
    while True:
        yield error
        inner = getattr(error, "orig", None) or error.__cause__
        if not isinstance(inner, BaseException):
            return
        error = inner


def _is_passing(error: BaseException) -> bool:
    if getattr(error, "connection_invalidated", False):  # SQLAlchemy knows: the connection is lost
        return True
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "").startswith(_SQLITE_PASSING)
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if isinstance(state, str):
        return state in _SQL_STATES or state.startswith("08")
    module = type(error).__module__.lower()
    if "mysql" in module:
        return _is_passing_mysql(error)
    if "psycopg" in module:
        return _has_any(error, _CONNECTING) and not _has_any(error, _UNKNOWN_HOST)
    return isinstance(error, OSError) and error.errno in _ERRNOS


def _is_passing_mysql(error: BaseException) -> bool:
    code = error.args[0] if error.args else None
    if code == 0:  # PyMySQL's word for a connection that is closed already
        return True
    return code in _MYSQL_CODES and not _has_any(error, _UNKNOWN_HOST)


def _has_any(error: BaseException, words: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(word in text for word in words)


def _is_missing_database(text: str) -> bool:
    return 'database "' in text and "does not exist" in text
