from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from sqlalchemy import event
from sqlalchemy.engine import Engine

import studies.workbench
from nas.budget import Budget
from nas.cost import cost_of
from nas.data.spec import open_source
from nas.evaluation import Metrics
from nas.fidelity import Fidelity
from nas.network import Network, build_network
from nas.resolution import Resolution
from nas.training import StepProgress, TrainingError
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import SEGMENTATION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import independent, shared
from studies.config import SearchConfig
from studies.observer import Observer
from studies.opening import load_study
from studies.problem import problem_of
from studies.record import TrialRecord
from studies.result import StudyResult
from studies.search import Search, search
from studies.store import StudyStore
from studies.workbench import Trained, Workbench
from tests.studies.servers import Mysql, Postgresql, running

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
#: Samples for three rungs: 0, 8 and 16.
RUNGS = replace(TINY, samples=16)
#: The 96 networks of depth and segmentation that the tests of early stopping search.
FEW = {
    "encoder": "resnet10",
    "width": "8,16",
    "decoder": "fpn",
    "decoder_width": "32",
    "links": "none,add",
    "link_level": "8",
    "augmentation": "none",
    "pruning": "none",
    "weighting": "geometric,sum",
}
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


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL of the tests' own."""
    with running(Postgresql) as server:
        yield server


@pytest.fixture(scope="session")
def mysql() -> Iterator[Mysql]:
    """A MariaDB of the tests' own."""
    with running(Mysql) as server:
        yield server


@pytest.fixture(params=["sqlite", "journal", "postgresql", "mysql"])
def any_storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new storage, of every kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/study.db"
    if request.param == "journal":
        return f"journal://{tmp_path}/study.log"
    server: Postgresql | Mysql = request.getfixturevalue(request.param)
    return server.new_database(f"d{uuid.uuid4().hex}")


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
            "sampler": "tpe",
            "shared_weights": "off",
            "early_stopping": False,
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
        sampler="tpe",
        shared_weights="off",
        early_stopping=False,
        device="cpu",
        storage=f"sqlite:///{folder}/study.db",
        seed=3,
    )
    space = problem_of(config).space
    dear = space.fix({"width": "64", "sharing": "independent"}).nearest(independent(space.tasks))
    return search(replace(config, enqueue=(dear,)))


@dataclass(frozen=True, kw_only=True)
class Climbed:
    """A search that ended, what it told, and the state in which it ended."""

    config: SearchConfig
    log: Log
    run: Search
    result: StudyResult


@pytest.fixture(scope="session")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Climbed:
    """A search with shared weights until four candidates are trained; do not write to its study.

    A part of its space is over the budget.
    """
    folder = tmp_path_factory.mktemp("climbed")
    config = SearchConfig(
        sources=(open_source("synthetic", seed=0, fidelity=RUNGS),),
        tasks=("depth", "segmentation"),
        fidelity=RUNGS,
        trials=4,
        shared_weights="judge",
        reduction=3.0,
        fix=FEW,
        device="cpu",
        storage=f"sqlite:///{folder}/study.db",
    )
    macs = cost_of(problem_of(config).reference).macs
    problem = problem_of(replace(config, budget=Budget.parse([f"{1.1 * macs / 1e6}mmacs"])))
    log = Log()
    run = Search(problem, log)
    with pytest.MonkeyPatch.context() as patch:
        draw_few(patch)
        judge_by_name(patch)
        return Climbed(config=problem.config, log=log, run=run, result=run.run())


def draw_few(patch: pytest.MonkeyPatch) -> None:
    """Let the front sampler choose from 60 candidates: drawing 1,500 takes 5 s."""
    patch.setattr("studies.candidate_pool._FIRST", 20)
    patch.setattr("studies.candidate_pool._BLOCK", 20)
    patch.setattr("studies.candidate_pool._BLOCKS", 3)


def judge_by_name(patch: pytest.MonkeyPatch) -> None:
    """Let the values of a network follow from its name alone, so that its place is certain.

    After 16 samples they are otherwise next to chance, and differ with the machine's arithmetic.
    """
    measured = studies.workbench.evaluate

    def judged(network: Network, *args: Any) -> Metrics:
        rng = random.Random(network.plan.architecture.id)
        metrics = measured(network, *args)
        return {task: {m: rng.uniform(0.2, 0.8) for m in metrics[task]} for task in metrics}

    patch.setattr("studies.workbench.evaluate", judged)


@pytest.fixture
def judged_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """How the networks of ``climbed`` are judged."""
    judge_by_name(monkeypatch)


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sampler of ``climbed`` chooses from."""
    draw_few(monkeypatch)


@pytest.fixture
def resnet10(tmp_path: Path) -> Path:
    """Weights of a ResNet-10 of width 16, as they are usually published."""
    encoder = EncoderSpec(depth="resnet10", width=16)
    network = build_network(replace(shared((SEGMENTATION,)), encoder=encoder), seed=99)
    torch.save(network.trunk.state_dict(), tmp_path / "resnet10.pth")
    return tmp_path / "resnet10.pth"


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A manifest of four frames with segmentation."""
    rng = np.random.default_rng(0)
    lines: list[object] = [
        {
            "neurall_manifest": 1,
            "name": "drive",
            "tasks": {"surface": {"kind": "segmentation", "classes": ["road", "other"]}},
        }
    ]
    for number, split in enumerate(["train", "train", "train", "val"]):
        image = rng.integers(0, 255, (32, 64, 3), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / f"image{number}.png")
        Image.fromarray((image[..., 0] > 127).astype(np.uint8)).save(
            tmp_path / f"label{number}.png"
        )
        labels = {"surface": f"label{number}.png"}
        lines.append({"split": split, "image": f"image{number}.png", "labels": labels})
    manifest = tmp_path / "drive.jsonl"
    manifest.write_text("\n".join(json.dumps(line) for line in lines))
    return manifest


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


@pytest.fixture
def store(finished: StudyResult, tmp_path: Path) -> StudyStore:
    """A copy of a finished study, to write to."""
    shutil.copy(finished.storage.removeprefix("sqlite:///"), tmp_path / "study.db")
    return load_study(f"sqlite:///{tmp_path}/study.db")


class Bench:
    """Stands in for the training of networks: every metric follows from seed and network.

    ``broken`` are id and seed of networks that cannot be trained, ``real`` ids of those that are
    really trained; Ctrl-C is pressed after the ``most`` trainings.
    """

    def __init__(self) -> None:
        self.benches: list[Workbench] = []
        self.begun: list[Network | None] = []
        self.broken: set[tuple[str, int]] = set()
        self.real: set[str] = set()
        self.most = 1000
        self._train = Workbench.train_candidate

    def train(
        self,
        bench: Workbench,
        architecture: Architecture,
        progress: StepProgress | None = None,
        network: Network | None = None,
    ) -> Trained:
        self.benches.append(bench)
        self.begun.append(network)
        if len(self.benches) > self.most:
            raise KeyboardInterrupt
        if architecture.id in self.real:
            return self._train(bench, architecture, progress, network=network)
        if (architecture.id, bench.seed) in self.broken:
            raise TrainingError("diverged: the loss is inf")
        value = 0.5 + bench.seed * 1e-5 + len(architecture.id) * 1e-3
        metrics = {
            task: dict.fromkeys(bench.constants[task], value) for task in architecture.task_names
        }
        return Trained(network=cast(Network, None), metrics=metrics, seconds=1.0)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    fake = Bench()
    monkeypatch.setattr(Workbench, "train_candidate", lambda *a, **k: fake.train(*a, **k))
    monkeypatch.setattr("studies.finalize.estimate_trainings", lambda problem, networks: 60.0)
    return fake
