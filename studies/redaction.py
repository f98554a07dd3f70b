"""Passwords are left out of whatever is printed, kept or logged about a storage."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

HIDDEN = "***"

#: ``//user:password@``. Up to the last @: a password may hold one that nobody encoded.
_LOGIN = re.compile(r"(//[^\s:/?#@]*:)(\S*)(?=@)")
#: The same where the slashes were forgotten, as in ``postgresql:user:password@host``.
_BARE_LOGIN = re.compile(r"^([^\s:/@]*:)((?!//)\S*)(?=@)")
#: Drivers take a password as an option of the URL as well.
_OPTION = re.compile(r"([?&](?:\w*password|passwd|pwd|passphrase)=)([^&\s'\"]*)", re.IGNORECASE)
_WITHOUT_LOGIN = ("sqlite:", "journal:")


def shown(url: str) -> str:
    """A storage's URL as it may be shown: ``***`` in place of each password."""
    for pattern in _patterns(url):
        url = pattern.sub(rf"\1{HIDDEN}", url)
    return url


def redacted(text: str, url: str = "") -> str:
    """A text as it may be shown: neither the passwords of URLs in it, nor those of ``url``."""
    if url:
        text = text.replace(url, shown(url))
    for pattern in (_LOGIN, _OPTION):
        text = pattern.sub(rf"\1{HIDDEN}", text)
    for password in sorted(_passwords(url), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(password)}(?!\w)", HIDDEN, text)
    return text


def _patterns(url: str) -> tuple[re.Pattern[str], ...]:
    bare = () if url.startswith(_WITHOUT_LOGIN) else (_BARE_LOGIN,)
    return (_LOGIN, *bare, _OPTION)


def _passwords(url: str) -> set[str]:
    """The passwords in a URL, as they are written there and as they are meant."""
    written = {match[2] for pattern in _patterns(url) for match in pattern.finditer(url)}
    return (written | {unquote_plus(password) for password in written}) - {"", HIDDEN}
