from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.data.batches import Batch
from nas.network import Network, build_network
from nas.tasks.kinds import make_task
from nas.tasks.task import LabelStatistics, Task
from pruning.groups import Coupling, couplings
from pruning.importance import importance_by_task
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import DEPTH, MOTION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.sharing import Sharing

ARCHITECTURE = Architecture(
    tasks=(DEPTH, MOTION),
    sharing=Sharing.shared(("depth", "motion"), 3),
    encoder=EncoderSpec(depth="resnet10", width=8),
    decoder=DecoderSpec(width=8),
)
Setting = tuple[Network, tuple[Coupling, ...], dict[str, Task], dict[str, LabelStatistics]]


def _labels(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "depth": torch.rand(2, 64, 64, generator=generator) * 40 + 2,
        "motion": torch.randint(0, 2, (2, 64, 64), generator=generator, dtype=torch.uint8),
    }


def _batches(count: int = 2) -> list[Batch]:
    generator = torch.Generator().manual_seed(0)
    return [
        Batch(
            frames=torch.randn(2, 1, 3, 64, 64, generator=generator),
            labels=_labels(seed),
            samples={},
        )
        for seed in range(count)
    ]


@pytest.fixture(scope="module")
def setting() -> Setting:
    network = build_network(ARCHITECTURE)
    tasks = {spec.name: make_task(spec) for spec in ARCHITECTURE.tasks}
    labels = _labels(9)
    statistics = {
        name: task.statistics(np.asarray(label) for label in labels[name])
        for name, task in tasks.items()
    }
    return network, couplings(network), tasks, statistics


def _index(found: tuple[Coupling, ...], module: str) -> int:
    return next(
        i
        for i, coupling in enumerate(found)
        if any(cut.module == module and cut.side == "out" for cut in coupling.cuts)
    )


def _gradients(setting: Setting, task: str, batches: list[Batch]) -> Mapping[str, Tensor]:
    network, _, tasks, statistics = setting
    network.eval()
    total = torch.zeros(())
    for batch in batches:
        output = network(batch.frames)[task]
        total = total + tasks[task].loss(output, batch.labels[task], statistics[task])
    names, parameters = zip(*network.named_parameters(), strict=True)
    found = torch.autograd.grad(total, parameters, allow_unused=True)
    return {
        n: torch.zeros_like(p) if g is None else g
        for n, p, g in zip(names, parameters, found, strict=True)
    }


def test_taylor_importance_is_the_weights_times_a_single_tasks_gradients(
    setting: Setting,
) -> None:
    """The absolute value of each single product, then the sum; torch-pruning leaves out norms."""
    network, found, tasks, statistics = setting
    scores = importance_by_task(network, found, tasks, statistics, _batches())
    block = "encoder.depth+motion.layer2.0."
    index = _index(found, f"{block}conv1")
    for task in ("depth", "motion"):
        gradients = _gradients(setting, task, _batches())
        parameters = dict(network.named_parameters())
        product = {name: (parameters[name] * g).detach().abs() for name, g in gradients.items()}
        wanted = product[f"{block}conv1.weight"].sum((1, 2, 3)) + product[
            f"{block}conv2.weight"
        ].sum((0, 2, 3))
        got = scores[task][index]
        torch.testing.assert_close(got / got.mean(), wanted / wanted.mean(), rtol=1e-3, atol=1e-4)


def test_filters_of_another_tasks_branch_do_not_matter_to_a_task(setting: Setting) -> None:
    network, found, tasks, statistics = setting
    scores = importance_by_task(network, found, tasks, statistics, _batches(1))
    private = _index(found, "encoder.motion.layer4.0.conv1")
    assert scores["depth"][private].abs().max() == 0
    assert scores["motion"][private].mean() > 0


def test_no_task_outweighs_another_by_the_scale_of_its_loss(setting: Setting) -> None:
    network, found, tasks, statistics = setting
    for criterion in ("taylor", "magnitude"):
        scores = importance_by_task(network, found, tasks, statistics, _batches(1), criterion)  # type: ignore[arg-type]
        for task in tasks:
            assert torch.cat(scores[task]).mean().item() == pytest.approx(1.0, rel=1e-4)


def test_magnitude_is_the_same_for_all_tasks_and_needs_no_batch(setting: Setting) -> None:
    network, found, tasks, statistics = setting
    scores = importance_by_task(network, found, tasks, statistics, [], "magnitude")
    for depth, motion in zip(scores["depth"], scores["motion"], strict=True):
        assert torch.equal(depth, motion)


def test_the_network_is_left_as_it_was(setting: Setting) -> None:
    network, found, tasks, statistics = setting
    network.train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    importance_by_task(network, found, tasks, statistics, _batches(1))
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_batch_without_labels_of_a_task_is_passed_over(setting: Setting) -> None:
    network, found, tasks, statistics = setting
    both = _batches(2)
    labels = {"depth": both[1].labels["depth"]}
    partly = [both[0], Batch(frames=both[1].frames, labels=labels, samples={})]
    got = importance_by_task(network, found, tasks, statistics, partly)
    wanted = importance_by_task(network, found, tasks, statistics, both[:1])
    for a, b in zip(got["motion"], wanted["motion"], strict=True):
        torch.testing.assert_close(a, b)
