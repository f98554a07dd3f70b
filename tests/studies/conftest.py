from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sqlalchemy import event
from sqlalchemy.engine import Engine

from nas.budget import Budget
from nas.data.spec import open_source
from nas.fidelity import Fidelity
from nas.network import build_network
from nas.resolution import Resolution
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import SEGMENTATION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import independent, shared
from studies.config import SearchConfig
from studies.observer import Observer
from studies.problem import problem_of
from studies.record import TrialRecord
from studies.result import StudyResult
from studies.search import search

#: So little that a network trains in a fraction of a second; it learns next to nothing.
TINY = Fidelity(
    name="quick",
    resolution=Resolution(64, 32),
    samples=8,
    batch_size=4,
    train=12,
    val=6,
    test=4,
)
#: Networks that are quick to build.
SMALL = {"encoder": "resnet10", "width": "16,24", "decoder_width": "32", "pruning": "none"}


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All tests of studies share one cache of their own, subprocesses too."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("NEURALL_CACHE")
    os.environ["NEURALL_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["NEURALL_CACHE"]
    else:
        os.environ["NEURALL_CACHE"] = before


@pytest.fixture(scope="session", autouse=True)
def unsynchronized() -> Iterator[None]:
    """SQLite does not wait for the disk in tests: what a killed process wrote is kept anyway."""

    def relax(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    yield
    event.remove(Engine, "connect", relax)


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., SearchConfig]:
    """A search that takes seconds, with whatever else a test needs."""

    def make(**changes: Any) -> SearchConfig:
        values: dict[str, Any] = {
            "sources": (open_source("synthetic", seed=0, fidelity=TINY),),
            "budget": Budget.parse(["30tops"]),
            "fidelity": TINY,
            "trials": 2,
            "fix": SMALL,
            "device": "cpu",
            "storage": f"sqlite:///{tmp_path}/study.db",
        }
        return SearchConfig(**{**values, **changes})

    return make


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """A study with three trained candidates and one that was refused; do not write to it."""
    folder = tmp_path_factory.mktemp("finished")
    config = SearchConfig(
        sources=(open_source("synthetic", seed=0, fidelity=TINY),),
        budget=Budget.parse(["10tops"]),
        fidelity=TINY,
        trials=3,
        fix={**SMALL, "width": "16,64"},
        device="cpu",
        storage=f"sqlite:///{folder}/study.db",
        seed=3,
    )
    space = problem_of(config).space
    dear = space.fix({"width": "64", "sharing": "independent"}).nearest(independent(space.tasks))
    return search(replace(config, enqueue=(dear,)))


@pytest.fixture
def resnet10(tmp_path: Path) -> Path:
    """Weights of a ResNet-10 of width 16, as they are usually published."""
    encoder = EncoderSpec(depth="resnet10", width=16)
    network = build_network(replace(shared((SEGMENTATION,)), encoder=encoder), seed=99)
    torch.save(network.trunk.state_dict(), tmp_path / "resnet10.pth")
    return tmp_path / "resnet10.pth"


class Log(Observer):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.trained: list[tuple[str, Architecture]] = []
        self.ended: list[TrialRecord] = []
        self.fronts: list[Sequence[TrialRecord]] = []

    def message(self, text: str) -> None:
        self.events.append(text)

    def training_starts(self, title: str, architecture: Architecture) -> None:
        self.trained.append((title, architecture))

    def trial_ends(self, record: TrialRecord) -> None:
        self.ended.append(record)

    def front(self, front: Sequence[TrialRecord]) -> None:
        self.fronts.append(front)


@pytest.fixture
def log() -> Log:
    return Log()
