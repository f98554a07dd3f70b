"""Hostile variants of a file that keep enough of its form to get past the first check."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

Mutate = Callable[[bytes, Random], bytes]

#: What stands for a value that JSON's writer would not write, and the text in its place.
_DEEP, _TWICE = "@deep", "@twice"
_HOSTILE_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    8,
    2.5,
    -0.0,
    1e308,
    float("inf"),
    float("nan"),
    2**31,
    2**63,
    10**20,
    10**400,
    "",
    " ",
    "x",
    "x" * 5000,
    "\x1b[31m",
    "\u202e",
    "\ud800",
    "\0",
    "[/red]",
    "../../etc/passwd",
    "/etc/passwd",
    "depth",
    [],
    {},
    [[]],
    [0] * 3000,
    {str(i): i for i in range(300)},
    _DEEP,
)
_HOSTILE_WORDS = (
    b"nan",
    b"-inf",
    b"1e999",
    b"-1",
    b"0",
    b"1" * 5000,
    b"x" * 5000,
    b"..",
    b"../../etc/passwd",
    b"/dev/zero",
    b"\x00",
    b"\x1b[2J",
    b"\xff\xfe",
    "²".encode(),
    "٣".encode(),
    "\u2028".encode(),
    b"=",
    b",",
    b":",
    b"#",
    b"\n",
)
_HOSTILE_BYTES = (b"\0", b"\xff", b"\x7f", b"\x80", b"\n", b'"', b"[", b"{", b"<", b"&", b"-", b"9")
_HOSTILE_INTEGERS = (0, 1, 2, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**62)
_MOST_BYTES = 2**18


def mutate_bytes(data: bytes, rng: Random) -> bytes:
    """Some bytes flipped, inserted, removed, repeated, or replaced by an integer of note."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(changed) + 1)
        end = min(len(changed), place + rng.choice((1, 1, 2, 4, 8, 64)))
        kind = rng.randrange(6)
        if kind == 0 and changed:
            changed[place % len(changed)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[place:place] = rng.choice(_HOSTILE_BYTES) * rng.choice((1, 1, 1, 4, 1000))
        elif kind == 2:
            del changed[place:end]
        elif kind == 3:
            changed[place:place] = changed[place:end] * rng.choice((1, 2, 100))
        elif kind == 4:
            order, form = rng.choice("<>"), rng.choice("BHIQ")
            number = rng.choice(_HOSTILE_INTEGERS) & (256 ** struct.calcsize(form) - 1)
            packed = struct.pack(f"{order}{form}", number)
            changed[place : place + len(packed)] = packed
        else:
            del changed[place:]
    return bytes(changed[:_MOST_BYTES])


def mutate_text(data: bytes, rng: Random) -> bytes:
    """Some words of some lines replaced, removed, repeated or put elsewhere."""
    if rng.random() < 0.2:
        return mutate_bytes(data, rng)
    lines = data.split(b"\n")
    for _ in range(rng.randint(1, 3)):
        row = rng.randrange(len(lines))
        words = lines[row].split(b" ")
        column = rng.randrange(len(words))
        kind = rng.randrange(5)
        if kind == 0:
            words[column] = rng.choice(_HOSTILE_WORDS)
        elif kind == 1:
            words[column] = mutate_bytes(words[column], rng)
        elif kind == 2:
            del words[column]
        elif kind == 3:
            words[column:column] = words[column : column + 1] * rng.choice((1, 50))
        else:
            lines[row:row] = lines[row : row + 1] * rng.choice((1, 200))
        lines[row] = b" ".join(words)
    return b"\n".join(lines)[:_MOST_BYTES]


def mutate_json(data: bytes, rng: Random) -> bytes:
    """Some values of a JSON document replaced, removed, repeated, renamed or nested."""
    if rng.random() < 0.1:
        return mutate_bytes(data, rng)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(data, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        value = _changed(value, rng)
    return _written(value, rng)


def mutate_json_lines(data: bytes, rng: Random) -> bytes:
    """One line changed as a JSON document, or lines repeated, removed and exchanged."""
    lines = data.split(b"\n")
    row = rng.randrange(len(lines))
    kind = rng.randrange(8)
    if kind < 6:
        lines[row] = mutate_json(lines[row], rng)
    elif kind == 6:
        lines[row:row] = lines[row : row + 1] * rng.choice((1, 30))
    else:
        del lines[row]
    return b"\n".join(lines)[:_MOST_BYTES]


def mutate_safetensors(data: bytes, rng: Random) -> bytes:
    """The header changed as a JSON document and given its right length, or bytes."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 + length or rng.random() < 0.2:
        return mutate_bytes(data, rng)
    header = mutate_json(data[8 : 8 + length], rng)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def mutate_png(data: bytes, rng: Random) -> bytes:
    """A chunk changed, with the checksum that fits it, or bytes."""
    chunks = _chunks(data)
    if not chunks or rng.random() < 0.2:
        return mutate_bytes(data, rng)
    index = rng.randrange(len(chunks))
    name, content = chunks[index]
    kind = rng.randrange(5)
    if kind < 3:
        chunks[index] = (name, mutate_bytes(content, rng))
    elif kind == 3:
        chunks[index:index] = [chunks[rng.randrange(len(chunks))]]
    else:
        del chunks[index]
    return data[:8] + b"".join(
        struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks
    )


def mutate_image(data: bytes, rng: Random) -> bytes:
    """As its format wants it."""
    return mutate_png(data, rng) if data.startswith(b"\x89PNG") else mutate_bytes(data, rng)


def _changed(value: Any, rng: Random) -> Any:
    """A copy with one place changed, most of the time deep inside."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        return _changed_object(value, rng)
    if isinstance(value, list) and value and rng.random() < 0.85:
        return _changed_list(value, rng)
    if isinstance(value, str) and value.startswith("{") and rng.random() < 0.7:
        return mutate_json(value.encode("utf-8", "replace"), rng).decode("utf-8", "replace")
    if isinstance(value, str) and rng.random() < 0.3:
        return mutate_bytes(value.encode("utf-8", "replace"), rng).decode("utf-8", "replace")
    if isinstance(value, int | float) and abs(value) < 1e300 and rng.random() < 0.3:
        return value * rng.choice((-1, 2, 0.5, 8)) + rng.choice((0, 1, 8))
    return rng.choice(_HOSTILE_VALUES)


def _changed_object(value: Mapping[str, Any], rng: Random) -> dict[str, Any]:
    changed = dict(value)
    key = rng.choice(list(changed))
    kind = rng.randrange(10)
    if kind == 0:
        del changed[key]
    elif kind == 1:
        changed[str(rng.choice(_HOSTILE_VALUES))[:3000]] = changed.pop(key)
    elif kind == 2:
        changed[rng.choice((_TWICE, *changed))] = changed[rng.choice(list(changed))]
    else:
        changed[key] = _changed(changed[key], rng)
    return changed


def _changed_list(value: list[Any], rng: Random) -> list[Any]:
    changed = list(value)
    index = rng.randrange(len(changed))
    kind = rng.randrange(10)
    if kind == 0:
        del changed[index]
    elif kind == 1:
        changed[index:index] = [changed[index]] * rng.choice((1, 40))
    elif kind == 2:
        rng.shuffle(changed)
    else:
        changed[index] = _changed(changed[index], rng)
    return changed


def _written(value: Any, rng: Random) -> bytes:
    try:
        text = json.dumps(value)
    except (RecursionError, ValueError):  # what a number of too many digits raises
        return b"[" * 2000
    depth = rng.choice((20, 200, 900, 950, 980, 5000))
    text = text.replace(f'"{_DEEP}"', "[" * depth + "]" * depth)
    return text.replace(f'"{_TWICE}"', '"name"').encode()[:_MOST_BYTES]


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents of a PNG's chunks as far as they can be told."""
    found, place = [], 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        found.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return found
