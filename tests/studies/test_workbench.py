from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from nas.training import TrainingError
from studies.config import SearchConfig
from studies.errors import StudyError
from studies.problem import problem_of
from studies.workbench import Workbench, _check_taught, device_named, open_workbench


@pytest.fixture
def bench(tiny: Callable[..., SearchConfig]) -> Workbench:
    return open_workbench(problem_of(tiny()))


def test_a_candidate_comes_back_judged_on_every_task(
    bench: Workbench, tiny: Callable[..., SearchConfig]
) -> None:
    architecture = problem_of(tiny()).reference
    trained = bench.train_candidate(architecture)
    assert set(trained.metrics) == set(bench.tasks) == set(bench.constants)
    assert trained.network.plan.architecture == architecture
    assert {p.dtype for p in trained.network.parameters()} == {torch.float32}
    assert not trained.network.training


@pytest.mark.parametrize("where", ["nas.training.Training.run", "studies.workbench.evaluate"])
def test_running_out_of_memory_is_a_training_error(
    bench: Workbench,
    tiny: Callable[..., SearchConfig],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    def explode(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    monkeypatch.setattr(where, explode)
    with pytest.raises(TrainingError, match="out of memory on cpu"):
        bench.train_candidate(problem_of(tiny()).reference)


def test_a_task_whose_labels_are_never_drawn_is_named(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = bench.train[0]
    drawn = {frame for plan in bench.data.plans for frame in plan.frames}
    labelled = np.array([frame not in drawn for frame in range(len(frames))])
    sparse = replace(frames, labelled={**frames.labelled, "depth": labelled})
    data = bench.data
    monkeypatch.setattr(data, "sets", (sparse,))
    with pytest.raises(StudyError, match=r"task depth: so few .* larger --fidelity"):
        _check_taught(data, 8)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(StudyError, match="device is 'tpu', use auto, cpu or cuda"):
        device_named("tpu")
