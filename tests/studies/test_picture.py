from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.data.cache import CachedFrames, prepare
from nas.data.synthetic import SyntheticSource
from nas.network import build_network
from nas.resolution import Resolution
from nas.tasks.kinds import make_task
from nas.tasks.task import Task
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import shared
from studies.picture import predictions_picture


@pytest.fixture
def tasks() -> dict[str, Task]:
    return {spec.name: make_task(spec) for spec in DEFAULT_TASKS}


@pytest.fixture
def frames(tmp_path: Path, tasks: dict[str, Task]) -> CachedFrames:
    source = SyntheticSource(train=0, val=4, test=0)
    return prepare(source, "val", Resolution(64, 32), tasks=tasks, cache_dir=tmp_path)


def test_a_row_shows_the_frame_then_label_and_prediction_of_each_task(
    frames: CachedFrames, tasks: dict[str, Task]
) -> None:
    network = build_network(shared([t.spec for t in tasks.values()])).eval()
    picture = np.asarray(predictions_picture(network, (frames,), tasks))
    tiles = picture.shape[1] / (256 + 4)
    rows = picture.shape[0] / (128 + 8)
    assert tiles == pytest.approx(7, abs=0.1)
    assert rows == pytest.approx(3, abs=0.2)
    frame = frames.images[0, 0].transpose(1, 2, 0).repeat(4, axis=0).repeat(4, axis=1)
    assert np.array_equal(picture[:128, :256], frame)
    label = tasks["depth"].picture_of_label(
        np.array(frames.labels["depth"][0]), np.zeros((32, 64, 3), np.uint8)
    )
    assert np.array_equal(picture[:128:4, 260 : 260 + 256 : 4], label)
