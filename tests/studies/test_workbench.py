from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.network import Network, build_network
from nas.pretrained import read_pretrained
from nas.training import Training, TrainingError
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.filter_ratios import FilterRatio
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


def test_a_network_that_has_learnt_goes_on_with_what_it_knows(
    bench: Workbench, tiny: Callable[..., SearchConfig]
) -> None:
    architecture = problem_of(tiny()).reference
    network = build_network(architecture, seed=5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    bench.begin(architecture, network=network)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
    after = bench.train_candidate(architecture, network=network).network.state_dict()
    assert any(not torch.equal(after[name], value) for name, value in before.items())


def test_whoever_looks_at_a_training_does_not_change_it(
    tiny: Callable[..., SearchConfig],
) -> None:
    """16 samples in batches of 2, pruned after a quarter of them."""
    problem = problem_of(tiny(fidelity=replace(tiny().fidelity, samples=16, batch_size=2)))
    bench = open_workbench(problem)
    ratios = (FilterRatio(task="segmentation", part="decoder", ratio=0.5),)
    architecture = replace(problem.reference, pruning=ratios)
    steps: list[tuple[int, int]] = []
    training = bench.begin(architecture)
    looks = [
        training.judged_at(share, lambda *done: steps.append(done)) for share in (0.125, 0.5, 1.0)
    ]
    assert steps == [(step, 8) for step in range(1, 9)]
    at_once = bench.train_candidate(architecture)
    assert looks[-1].metrics == at_once.metrics
    assert looks[0].network.plan.architecture == architecture.dense
    assert looks[1].network.plan.architecture == architecture
    for name, value in at_once.network.state_dict().items():
        assert torch.equal(looks[-1].network.state_dict()[name], value)
    weights = [look.network.trunk.get_parameter("conv1.weight") for look in looks[1:]]
    assert not torch.equal(*weights)


def test_only_the_encoder_of_the_weights_begins_with_them_and_learns_slowly(
    tiny: Callable[..., SearchConfig], resnet10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[torch.Tensor, float]] = []

    def remember(training: Training, *_: object, **__: object) -> Network:
        kernels = training.network.trunk.get_parameter("conv1.weight")
        begun.append((kernels.detach().clone(), training.recipe.encoder_share))
        return training.network

    monkeypatch.setattr("studies.candidate_training.train_and_prune", remember)
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
