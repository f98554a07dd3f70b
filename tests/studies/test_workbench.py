from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.data.batches import Batch, TrainingData
from nas.network import Network, build_network
from nas.pretrained import read_pretrained
from nas.training import Training, TrainingError
from search_spaces.encoder_spec import EncoderSpec
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


def test_a_network_that_has_learnt_goes_on_where_it_stopped(
    bench: Workbench, tiny: Callable[..., SearchConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """8 samples in batches of 4: the halves are one step each, and neither begins anew."""
    drawn: list[torch.Tensor] = []
    batch = TrainingData.batch

    def noted(data: TrainingData, step: int) -> Batch:
        drawn.append(batch(data, step).frames)
        return batch(data, step)

    monkeypatch.setattr(TrainingData, "batch", noted)
    network = build_network(problem_of(tiny()).reference, seed=5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    architecture = problem_of(tiny()).reference
    same = bench.train_candidate(architecture, network=network, begin=0.5, end=0.5).network
    assert all(torch.equal(same.state_dict()[name], value) for name, value in before.items())
    for begin, end in ((0.0, 0.5), (0.5, 1.0)):
        trained = bench.train_candidate(architecture, network=network, begin=begin, end=end)
        after = trained.network.state_dict()
        assert any(not torch.equal(after[name], value) for name, value in before.items())
        assert set(trained.metrics) == set(bench.tasks)
    assert [torch.equal(frames, batch(bench.data, i).frames) for i, frames in enumerate(drawn)] == [
        True,
        True,
    ]


def test_only_the_encoder_of_the_weights_begins_with_them_and_learns_slowly(
    tiny: Callable[..., SearchConfig], resnet10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[torch.Tensor, float]] = []

    def remember(training: Training, *_: object, **__: object) -> Network:
        kernels = training.network.trunk.get_parameter("conv1.weight")
        begun.append((kernels.detach().clone(), training.recipe.encoder_share))
        return training.network

    monkeypatch.setattr("studies.workbench.train_and_prune", remember)
    pretrained = read_pretrained([f"resnet10={resnet10}"])
    problem = problem_of(tiny(pretrained=pretrained))
    bench = open_workbench(problem)
    like = replace(problem.reference, encoder=EncoderSpec(depth="resnet10", width=16))
    bench.train_candidate(like)
    bench.train_candidate(replace(like, encoder=EncoderSpec(depth="resnet10", width=24)))
    (same, slow), (other, full) = begun
    assert torch.equal(same, pretrained[0].weights["conv1.weight"])
    assert other.shape[0] == 24
    assert 0 < slow < full == 1


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
