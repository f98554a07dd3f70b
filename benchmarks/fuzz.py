"""Feeds every reader of files from elsewhere with hostile ones, and keeps those that break it.

    python benchmarks/fuzz.py                          20,000 inputs a reader, in some minutes
    python benchmarks/fuzz.py --inputs 1000000 --seed 7 manifest image

A reader must answer each input with a value or with its documented error, within two seconds of
the processor and twenty of the clock, and without taking half a gigabyte more than before.
Whatever else happens is made smaller, written to ``fuzz-failures`` and told; then the exit code is
1. Equal seeds try equal inputs.

Inputs are made from the files of ``tests/fuzz_corpus``, and from those that led to an answer that
none before had led to.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

from fuzz_parsers import Parser, parsers

#: Of the processor, for other programs may have it meanwhile; of the clock, for a reader may wait.
MOST_SECONDS, MOST_WAITING_SECONDS = 2.0, 20.0
MOST_BYTES = 512 * 2**20
#: Files that led to something new, beside the seeds; older ones make room.
_POOL = 500
_LONGEST_IN_POOL = 2**15
#: Share of inputs that are made from a seed: what was changed often is refused at its first change.
_FRESH = 0.5
_TRIES_TO_SHRINK = 400
_FAST_FILES = Path("/dev/shm")


class TooSlowError(BaseException):
    """Not an ``Exception``, so that no reader takes it for a broken file."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of one input: ``kind`` is the same for all that ended alike."""

    kind: str
    fault: str = ""


@dataclass(kw_only=True)
class Tally:
    """What a reader did with all of its inputs."""

    inputs: int = 0
    accepted: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    kinds: set[str] = field(default_factory=set)
    faults: dict[str, bytes] = field(default_factory=dict)


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz the readers; returns 1 where one broke."""
    args = _arguments(argv)
    for alarm in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(alarm, _too_slow)
    warnings.simplefilter("ignore")
    folder = _FAST_FILES if _FAST_FILES.is_dir() else None
    broken = 0
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for parser in parsers(Path(scratch)):
            if not args.parsers or parser.name in args.parsers:
                tally = fuzz(parser, args.inputs, args.seed, args.minutes * 60)
                print(_line(parser, tally), flush=True)
                broken += len(tally.faults)
                _keep(parser, tally, Path(args.failures))
    return 1 if broken else 0


def fuzz(parser: Parser, inputs: int, seed: int, seconds: float = float("inf")) -> Tally:
    """Try so many inputs on a reader, seeds first, or as many as fit in the time."""
    rng, tally, pool = Random(f"{seed} {parser.name}"), Tally(), list(parser.seeds)
    start = time.perf_counter()
    for data in _inputs(parser, inputs, rng, pool):
        answer = _tried(parser, data, tally)
        if answer.fault and answer.kind not in tally.faults:
            tally.faults[answer.kind] = _shrunk(parser, data, answer.kind)
        if answer.kind not in tally.kinds:
            tally.kinds.add(answer.kind)
            pool += [data] if len(data) <= _LONGEST_IN_POOL else []
            del pool[len(parser.seeds) : -_POOL]
        tally.seconds = time.perf_counter() - start
        if tally.seconds > seconds:
            break
    return tally


def _inputs(parser: Parser, count: int, rng: Random, pool: list[bytes]) -> Iterator[bytes]:
    yield from parser.seeds[:count]
    for _ in range(count - len(parser.seeds)):
        yield parser.mutate(rng.choice(parser.seeds if rng.random() < _FRESH else pool), rng)


def _tried(parser: Parser, data: bytes, tally: Tally) -> Answer:
    start = time.process_time()
    answer = answer_of(parser, data)
    tally.slowest = max(tally.slowest, time.process_time() - start)
    tally.inputs += 1
    tally.accepted += answer.kind == "accepted"
    return answer


def answer_of(parser: Parser, data: bytes) -> Answer:
    """What a reader makes of an input."""
    before = _peak_bytes()
    try:
        with _in_time():
            parser.read(data)
        answer = Answer(kind="accepted")
    except parser.errors as error:
        answer = _documented(error)
    except TooSlowError:
        answer = Answer(kind="too slow", fault=f"took more than {MOST_SECONDS} s")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        answer = Answer(kind=kind, fault="".join(traceback.format_exception(error)))
    if _peak_bytes() - before > MOST_BYTES:
        return Answer(kind="too large", fault=f"took more than {MOST_BYTES} bytes")
    return answer


def _documented(error: Exception) -> Answer:
    """An error is clear where it is one line that can be printed, and no book."""
    text = str(error)
    kind = re.sub(r"'[^']*'|\"[^\"]*\"|\S*[/\d]\S*", "…", text)[:60]
    if not text or len(text) > 6000 or "\n" in text or "\x1b" in text:
        return Answer(kind=f"unclear {type(error).__name__}", fault=repr(text[:500]))
    return Answer(kind=f"{type(error).__name__} {kind}")


def _shrunk(parser: Parser, data: bytes, kind: str) -> bytes:
    """A smaller input that ends alike, as far as some hundred tries lead."""
    size, tries = len(data) // 2, 0
    while size and tries < _TRIES_TO_SHRINK and kind not in ("too slow", "too large"):
        place = 0
        while place < len(data) and tries < _TRIES_TO_SHRINK:
            tries += 1
            shorter = data[:place] + data[place + size :]
            if answer_of(parser, shorter).kind == kind:
                data = shorter
            else:
                place += size
        size //= 2
    return data


@contextmanager
def _in_time() -> Iterator[None]:
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, MOST_WAITING_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlowError


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _line(parser: Parser, tally: Tally) -> str:
    rate = tally.inputs / max(tally.seconds, 1e-9)
    return (
        f"{parser.name:15} {tally.inputs:8} inputs, {rate:6.0f} a second, "
        f"{tally.accepted / max(tally.inputs, 1):4.0%} accepted, {len(tally.kinds):4} outcomes, "
        f"slowest {tally.slowest:.2f} s, {len(tally.faults)} faults"
    )


def _keep(parser: Parser, tally: Tally, folder: Path) -> None:
    for kind, data in tally.faults.items():
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{parser.name.replace(' ', '-')}-{hashlib.sha256(data).hexdigest()[:8]}"
        file.write_bytes(data)
        print(f"  {kind}: {file}\n{answer_of(parser, data).fault}", file=sys.stderr)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parsers", nargs="*", metavar="READER", help="by default all of them")
    parser.add_argument("--inputs", type=int, default=20_000, help="inputs for each reader")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="most for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--failures", default="fuzz-failures", help="folder of what broke a reader")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
