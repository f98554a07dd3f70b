from __future__ import annotations

from pathlib import Path

import pytest

from studies.errors import StudyError
from studies.storage_url import read_url


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://me@host/db", "postgresql+psycopg"),
        ("postgres://me@host/db", "postgresql+psycopg"),
        ("postgresql+psycopg2://me@host/db", "postgresql+psycopg2"),
        ("mysql://me@host/db", "mysql+pymysql"),
        ("mariadb://me@host/db", "mysql+pymysql"),
        ("mysql+mysqldb://me@host/db", "mysql+mysqldb"),
    ],
)
def test_a_plain_url_gets_the_driver_of_the_extra(url: str, driver: str) -> None:
    place = read_url(url)
    assert place.engine is not None
    assert place.engine.drivername == driver
    assert place.is_server


def test_journals_are_named_from_the_root_or_from_here(tmp_path: Path) -> None:
    assert read_url(f"journal://{tmp_path}/a.log").file == tmp_path / "a.log"
    assert read_url("journal:a.log").file == Path("a.log")
    with pytest.raises(StudyError, match=r"write journal:///host/a.log .* journal:host/a.log"):
        read_url("journal://host/a.log")
    with pytest.raises(StudyError, match="names no file"):
        read_url("journal:")
    with pytest.raises(StudyError, match="create it first"):
        read_url("journal:missing/a.log")


@pytest.mark.parametrize("url", ["redis://h/0", "oracle://h/db", "postgresql://u:s3cr3t@h:port/db"])
def test_other_urls_are_answered_with_what_is_allowed(url: str) -> None:
    with pytest.raises(StudyError, match="postgresql://user@host/database") as error:
        read_url(url)
    assert "s3cr3t" not in str(error.value)


def test_what_is_printed_of_a_url_has_no_password() -> None:
    assert "s3cr3t" not in repr(read_url("postgresql://me:s3cr3t@host/db"))
