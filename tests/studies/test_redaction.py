from __future__ import annotations

import pytest

from studies.redaction import redacted, shown


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me:s3cr3t@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("mysql+pymysql://me:s3cr3t%40@host/db", "mysql+pymysql://me:***@host/db"),
        ("postgresql://me:s3@cr3t@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:s3/cr3t@host/db", "postgresql://me:***@host/db"),
        ("postgresql://:s3cr3t@host/db", "postgresql://:***@host/db"),
        ("postgresql//me:s3cr3t@host/db", "postgresql//me:***@host/db"),
        ("postgresql:me:s3cr3t@host/db", "postgresql:***@host/db"),
        (
            "postgresql://host/db?user=me&password=s3cr3t",
            "postgresql://host/db?user=me&password=***",
        ),
        ("mysql://host/db?passwd=s3cr3t&x=1", "mysql://host/db?passwd=***&x=1"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("sqlite:////folder/a:b@c.db", "sqlite:////folder/a:b@c.db"),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("journal:///folder/a:b@c.log", "journal:///folder/a:b@c.log"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, words: str) -> None:
    assert shown(url) == words
    assert shown(words) == words


def test_texts_of_drivers_lose_the_password_as_written_and_as_meant() -> None:
    url = "postgresql://me:s3%40cr3t@host/db"
    text = f"no {url}: password=s3@cr3t or s3%40cr3t is wrong for postgresql://me:other@host/db"
    assert redacted(text, url) == (
        "no postgresql://me:***@host/db: password=*** or *** is wrong for postgresql://me:***@host/db"
    )


def test_other_words_stay() -> None:
    text = "trial 3: 5 of 8 at 12:30, mail me@host"
    assert redacted(text, "postgresql://me:a@host/db") == text.replace(" a ", " a ")
