"""Whether a SQLite file holds tables alone, as Optuna makes them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from studies.errors import StudyError

#: Views compute what is read of them, without an end if they like; triggers change what is written.
_STRANGERS = """
    select type || ' ' || name from sqlite_master
    where type in ('view', 'trigger') or sql like 'create virtual%' limit 1
"""


def check_plain_tables(file: Path) -> None:
    """Raise ``StudyError`` where a database would run what somebody wrote into it.

    A file that is missing, locked or no database at all is left to whoever opens it to write.
    """
    address = f"file:{quote(str(file.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            found = connection.execute(_STRANGERS).fetchone()
    except sqlite3.Error:
        return
    if found:
        raise StudyError(
            f"storage {file} holds the {found[0]}, which no study has: it is not opened; use "
            "another --storage"
        )
