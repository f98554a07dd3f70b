from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from fuzz import answer_of, fuzz, main
from fuzz_mutations import Mutate, mutate_bytes, mutate_json, mutate_png, mutate_safetensors
from fuzz_parsers import CORPUS, Parser, parsers

from search_spaces.architecture import Architecture


class RefusedError(Exception):
    pass


def _parser(read: object, mutate: Mutate = mutate_bytes) -> Parser:
    return Parser(name="toy", read=read, mutate=mutate, errors=(RefusedError,), seeds=[b"abcdefgh"])  # type: ignore[arg-type]


@pytest.fixture
def every(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Parser, ...]]:
    monkeypatch.setenv("NEURALL_CACHE", str(tmp_path))
    return parsers(tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow's, for broken TIFF files
def test_every_reader_takes_a_seed_and_stands_some_hostile_inputs(
    every: tuple[Parser, ...],
) -> None:
    for parser in every:
        tally = fuzz(parser, 60, seed=1, seconds=2)
        assert tally.inputs >= len(parser.seeds)
        assert not tally.faults, (parser.name, tally.faults)


def test_the_corpus_is_small() -> None:
    files = [file for file in CORPUS.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 200_000


def test_equal_seeds_try_equal_inputs() -> None:
    tried: list[bytes] = []
    for _ in range(2):
        fuzz(_parser(tried.append), 50, seed=4)
    assert tried[:50] == tried[50:]


def test_an_undocumented_error_is_kept_and_made_smaller() -> None:
    def read(data: bytes) -> None:
        if b"c" in data:
            raise KeyError(data)
        raise RefusedError("no c")

    tally = fuzz(_parser(read), 30, seed=0)
    ((kind, data),) = tally.faults.items()
    assert kind.startswith("KeyError at test_fuzz.py")
    assert data == b"c"


def test_an_error_that_is_not_one_printable_line_is_a_fault() -> None:
    def read(data: bytes) -> None:
        raise RefusedError("two\nlines")

    assert answer_of(_parser(read), b"").kind == "unclear RefusedError"


def test_a_reader_that_hangs_or_takes_the_memory_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("fuzz.MOST_SECONDS", 0.1)
    monkeypatch.setattr("fuzz.MOST_WAITING_SECONDS", 0.3)
    assert main(["nobody", "--failures", str(tmp_path)]) == 0  # sets the alarms

    def spin(data: bytes) -> None:
        while True:
            pass

    assert answer_of(_parser(spin), b"").kind == "too slow"
    assert answer_of(_parser(lambda data: time.sleep(9)), b"").kind == "too slow"
    monkeypatch.setattr("fuzz.MOST_BYTES", -1)
    assert answer_of(_parser(len), b"").kind == "too large"


def test_a_seed_stands_for_its_format(every: tuple[Parser, ...]) -> None:
    """Of the documents of the corpus most are right as they are."""
    right = [
        parser.name
        for parser in every
        if any(answer_of(parser, seed).kind == "accepted" for seed in parser.seeds)
    ]
    wrong = {parser.name for parser in every} - set(right)
    # Their seeds name data, or hold a part of an encoder, that is not there.
    assert wrong == {"made from", "safetensors", "pth"}


@pytest.mark.parametrize("mutate", [mutate_json, mutate_png, mutate_safetensors])
def test_mutations_keep_some_of_the_form(mutate: Mutate, every: tuple[Parser, ...]) -> None:
    seeds = {
        mutate_json: (CORPUS / "architecture" / "shared.json").read_bytes(),
        mutate_png: (CORPUS / "image" / "rgb.png").read_bytes(),
        mutate_safetensors: (CORPUS / "safetensors" / "stem.safetensors").read_bytes(),
    }
    rng = Random(0)
    changed = {mutate(seeds[mutate], rng) for _ in range(200)}
    assert len(changed) > 100
    if mutate is mutate_json:
        assert any(_is_architecture(text) for text in changed)


def _is_architecture(text: bytes) -> bool:
    try:
        Architecture.from_json(text.decode("utf-8", "replace"))
    except ValueError:
        return False
    return True
