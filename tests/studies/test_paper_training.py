"""The paper's networks learn from the embedded world like any other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nas.data.spec import tasks_of
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import preset
from studies.config import SearchConfig
from studies.observer import Observer
from studies.single_training import train_one


@pytest.mark.parametrize("name", ["rnnet2", "auxnet", "two-task-detection-odometry", "neurall"])
def test_presets_train_and_are_judged(name: str, tiny: Callable[..., SearchConfig]) -> None:
    config = tiny()
    small = EncoderSpec(depth="resnet10", width=8)
    architecture = preset(name, tasks_of(config.sources), small)
    outcome = train_one(tiny(tasks=architecture.task_names), architecture, Observer())
    assert set(outcome.metrics) == set(architecture.task_names)
    for task, metrics in outcome.metrics.items():
        assert set(metrics) >= {metric.name for metric in outcome.tasks[task].metrics}
