from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from nas.data.batches import TrainingData
from nas.data.cache import CachedFrames, prepare
from nas.data.synthetic import SyntheticSource
from nas.evaluation import label_statistics
from nas.resolution import Resolution
from nas.tasks.kinds import make_task
from nas.tasks.task import LabelStatistics, Task
from search_spaces.default_tasks import DEFAULT_TASKS


@dataclass(frozen=True, kw_only=True)
class World:
    """A few frames of the synthetic world, ready to train on."""

    tasks: dict[str, Task]
    train: CachedFrames
    val: CachedFrames
    statistics: dict[str, LabelStatistics]

    def data(self, *, samples: int, batch_size: int = 4, seed: int = 0) -> TrainingData:
        return TrainingData(
            [self.train],
            self.tasks,
            streams=2,
            samples=samples,
            batch_size=batch_size,
            seed=seed,
        )


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    source = SyntheticSource(seed=3, train=96, val=24, test=0)
    tasks = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
    folder: Path = tmp_path_factory.mktemp("cache")

    def frames(split: str) -> CachedFrames:
        return prepare(source, split, Resolution(64, 32), tasks=tasks, cache_dir=folder)  # type: ignore[arg-type]

    train = frames("train")
    return World(
        tasks=tasks,
        train=train,
        val=frames("val"),
        statistics=label_statistics([train], tasks),
    )
