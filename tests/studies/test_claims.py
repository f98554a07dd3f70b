from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from studies.claims import Claims
from studies.lost_trials import LostTrials
from studies.owner import Owner


class Paused(Exception):  # noqa: N818
    """A run came to the step that it is not to make yet."""


class Run:
    """A run of the study that can be stopped before each of its reads and writes.

    It is begun anew for each further step, with what its steps before had read.
    """

    def __init__(self, values: dict[str, Owner], name: str) -> None:
        self.owner = replace(Owner.here(), run=name)
        self.won: bool | None = None
        self.runs = self  # it is its own store, and what runs tell each other there
        self._values = values
        self._read: list[Owner | None] = []
        self._steps = 0

    def claim(self, what: str) -> None:
        self._step(what, self.owner)

    def claimed(self, what: str) -> Owner | None:
        return self._step(what, None)

    def beats(self) -> dict[str, int]:
        return {}

    def go_on(self, steps: int = 1) -> None:
        """Make one more step, or some."""
        for _ in range(steps):
            self._steps = 0
            try:
                self.won = self._claims().take("x")
            except Paused:
                continue
            return

    def take(self, what: str) -> bool:
        """All steps at once."""
        self._read.clear()
        while True:
            self._steps = 0
            try:
                return self._claims().take(what)
            except Paused:
                continue

    def _claims(self) -> Claims:
        store: Any = self
        return Claims(store, LostTrials(store))

    def _step(self, what: str, written: Owner | None) -> Owner | None:
        if self._steps == len(self._read):
            if written is not None:
                self._values[what] = written
            self._read.append(self._values.get(what))
            raise Paused
        self._steps += 1
        return self._read[self._steps - 1]


@pytest.fixture
def two() -> tuple[Run, Run]:
    values: dict[str, Owner] = {}
    return Run(values, "one"), Run(values, "two")


def test_one_alone_gets_it_and_keeps_it(two: tuple[Run, Run]) -> None:
    one, other = two
    assert one.take("x")
    assert not other.take("x")
    assert one.take("x")
    assert other.take("y")


def test_what_a_process_that_ended_had_is_free(two: tuple[Run, Run]) -> None:
    one, other = two
    one.owner = replace(one.owner, started=-1)
    assert one.take("x")
    assert other.take("x")
    assert not one.take("x")


def test_however_their_steps_interleave_one_of_two_gets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Owner, "is_gone", lambda _: False)
    outcomes = {_outcome(order) for order in product((0, 1), repeat=12)}
    # both back where they come at once, never both ahead
    assert outcomes == {(True, False), (False, True), (False, False)}


def _outcome(order: tuple[int, ...]) -> tuple[bool, bool]:
    values: dict[str, Owner] = {}
    runs = Run(values, "one"), Run(values, "two")
    for index in order:
        if runs[index].won is None:
            runs[index].go_on()
    for run in runs:
        if run.won is None:
            run.go_on(steps=20)
    one, two = runs[0].won, runs[1].won
    assert one is not None
    assert two is not None
    if not one and not two:  # one of them gets it where they ask again, one after the other
        assert runs[0].take("x") + runs[1].take("x") == 1
    return one, two
