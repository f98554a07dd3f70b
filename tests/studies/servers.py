"""Database servers that tests start and throw away: none of this machine's is touched."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pytest

#: Set where a missing server is a failure, as in .ci/run.
REQUIRED = "NEURALL_REQUIRE_DATABASES"
#: Needs encoding in a URL, so that both forms of it must be left out of what is printed.
PASSWORD = "s3cr3t/w@rd"
ENCODED = "s3cr3t%2Fw%40rd"
USER = "searcher"
_PATIENCE_S = 30
_POSTGRESQL = "/usr/lib/postgresql"
#: Instead of 96 MB, which take seconds to write on a busy disk.
_LITTLE_LOG = "--innodb-log-file-size=8M"
#: Commits reach the system, though not the disk.
_OUTLIVES_A_KILL = "--innodb-flush-log-at-trx-commit=2"


class Postgresql:
    """A cluster of its own on a free port of this machine, with a password."""

    kind = "postgresql"

    def __init__(self, folder: Path) -> None:
        self._binaries = _postgresql_binaries()
        self._data, self._log = folder / "data", folder / "log"
        self._user = _unprivileged(folder, "postgres", "nobody")
        self.port = _free_port()
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            *("initdb", "-D", self._data, "-U", USER, "-A", "scram-sha-256", "--no-sync"),
            *(f"--pwfile={password}", "-E", "UTF8", "--locale=C"),
        )

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off -k ''"
        self._run("pg_ctl", "-D", self._data, "-l", self._log, "-o", settings, "-w", "start")

    def stop(self) -> None:
        """Stop as a crash does: connections are cut."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def url(self, database: str = "postgres", password: str = ENCODED) -> str:
        """Where a database is, with the password."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        """An empty database; returns its URL."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)

    def _run(self, binary: str, *arguments: object) -> None:
        _run([self._binaries / binary, *arguments], self._user)


class Mysql:
    """A MariaDB of its own on a free port of this machine, with a password."""

    kind = "mysql"

    def __init__(self, folder: Path) -> None:
        for name in ("mariadbd", "mariadb-install-db"):
            _need(_binary(name), f"MariaDB's {name}")
        self._folder = folder
        self._user = _unprivileged(folder, "mysql", "nobody")
        self._socket = f"/tmp/neurall-{os.getpid()}.sock"  # paths of sockets must be short
        self.port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        install = [_binary("mariadb-install-db"), "--no-defaults", f"--datadir={folder}/data"]
        install += ["--auth-root-authentication-method=normal", "--skip-test-db", _LITTLE_LOG]
        _run(install, self._user)

    def start(self) -> None:
        """Start, and wait until it answers."""
        first = self._folder / "first.sql"
        first.write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'%';\n"  # each in a line of its own
        )
        first.chmod(0o644)
        options = [f"--datadir={self._folder}/data", f"--socket={self._socket}"]
        options += [f"--port={self.port}", "--bind-address=127.0.0.1", f"--init-file={first}"]
        options += ["--innodb-buffer-pool-size=32M", _LITTLE_LOG, _OUTLIVES_A_KILL]
        self._server = subprocess.Popen(
            [str(_binary("mariadbd")), "--no-defaults", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            user=self._user,
        )
        _wait_for(self._answers, "MariaDB")

    def stop(self) -> None:
        """Stop as a crash does."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    def url(self, database: str = "mysql", password: str = ENCODED) -> str:
        """Where a database is, with the password."""
        return f"mysql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        """An empty database; returns its URL."""
        with self._connection() as connection:
            connection.cursor().execute(f"CREATE DATABASE `{name}`")
        return self.url(name)

    def _connection(self):  # type: ignore[no-untyped-def]
        import pymysql

        return pymysql.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD)

    def _answers(self) -> bool:
        try:
            self._connection().close()
        except Exception:
            return False
        return True


AnyServer = TypeVar("AnyServer", Postgresql, Mysql)


@contextmanager
def running(kind: type[AnyServer]) -> Iterator[AnyServer]:
    """A server while the tests need it; skips them where it is not installed.

    Not in pytest's folders, which other users may not enter.
    """
    with tempfile.TemporaryDirectory(prefix="neurall-", ignore_cleanup_errors=True) as folder:
        server = kind(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _postgresql_binaries() -> Path:
    found = sorted(Path(_POSTGRESQL).glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    return Path(_need(initdb, "PostgreSQL's initdb")).parent


def _binary(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")


def _need(found: str | None, what: str) -> str:
    if found:
        return found
    reason = f"{what} is not installed (Debian: apt-get install postgresql mariadb-server)"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, and {REQUIRED} is 1")
    pytest.skip(reason)


def _run(command: Sequence[object], user: int | None) -> None:
    quiet = subprocess.DEVNULL
    subprocess.run(
        list(map(str, command)), check=True, stdin=quiet, stdout=quiet, cwd="/", user=user
    )


def _unprivileged(folder: Path, *users: str) -> int | None:
    """Who runs a server, which refuses to be root; the folder becomes that user's."""
    if os.geteuid() != 0:
        return None
    for user in users:
        with suppress(KeyError):
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
            return account.pw_uid
    raise LookupError(f"none of the users {', '.join(users)} is there")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


def _wait_for(ready: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not start")
        time.sleep(0.1)
