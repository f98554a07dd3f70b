from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from nas.data.batches import Batch, TrainingData
from nas.evaluation import constant_metrics, evaluate
from nas.network import build_network
from nas.precision import PLAIN
from nas.training import Recipe, Training, TrainingError, begin_at_prior
from search_spaces.architecture import Architecture
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import shared, single_task

TASKS = ("depth", "motion", "segmentation")


class OneBatch(TrainingData):
    """The same unaugmented batch at every step."""

    def __init__(self, data: TrainingData, batch: Batch, steps: int) -> None:
        self.__dict__ = dict(data.__dict__)
        self.plans = data.plans[:1] * steps
        self._batch = batch

    def batch(self, step: int) -> Batch:
        return self._batch


def small(architecture: Architecture) -> Architecture:
    return replace(architecture, encoder=EncoderSpec(depth="resnet10", width=16))


def network_of(world: Any, task: str) -> Architecture:
    like = small(shared([t.spec for t in world.tasks.values()]))
    return single_task(world.tasks[task].spec, like)


@pytest.mark.parametrize("task", TASKS)
def test_one_batch_can_be_learnt_by_heart(world: Any, task: str) -> None:
    data = world.data(samples=4).for_tasks([task], streams=2)
    batch = data.batch(0)
    training = Training(
        build_network(network_of(world, task)), OneBatch(data, batch, 150), world.statistics
    )
    training.run()
    losses = [losses[task] for losses in training.history]
    assert losses[-1] < 0.15 * losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_trained_network_beats_the_best_constant_prediction(world: Any, task: str) -> None:
    data = world.data(samples=480).for_tasks([task], streams=2)
    training = Training(build_network(network_of(world, task)), data, world.statistics)
    training.run()
    metric = world.tasks[task].primary.name
    reached = evaluate(training.network, [world.val], world.tasks)[task][metric]
    tasks = {task: world.tasks[task]}
    constant = constant_metrics(world.statistics, [world.val], tasks)[task][metric]
    assert reached > 1.2 * constant


def test_a_network_begins_at_the_distribution_of_the_labels(world: Any) -> None:
    network = build_network(small(shared([t.spec for t in world.tasks.values()])))
    begin_at_prior(network, world.statistics)
    with torch.no_grad():
        outputs = network.train()(torch.zeros(2, 2, 3, 32, 64))
    shares = outputs["motion"].softmax(1).mean((0, 2, 3))
    labels = np.asarray(world.train.labels["motion"])
    assert shares[1].item() == pytest.approx((labels == 1).mean(), rel=0.25)
    depth = np.asarray(world.train.labels["depth"])
    seen = np.log(depth[(depth >= 1) & (depth <= 80)]).mean()
    assert outputs["depth"].log().mean().item() == pytest.approx(seen, abs=0.2)


def test_equal_seeds_give_equal_weights_to_the_last_bit(world: Any) -> None:
    def trained() -> dict[str, torch.Tensor]:
        architecture = small(shared([t.spec for t in world.tasks.values()]))
        training = Training(
            build_network(architecture, seed=5), world.data(samples=24), world.statistics
        )
        training.run()
        return training.network.state_dict()

    first, second = trained(), trained()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_single_task_network_sees_the_samples_that_a_multi_task_network_sees(world: Any) -> None:
    data = world.data(samples=24)
    part = data.for_tasks(["depth"], streams=2)
    for step in range(len(data)):
        together, alone = data.batch(step), part.batch(step)
        assert torch.equal(together.frames, alone.frames)
        assert torch.equal(together.labels["depth"], alone.labels["depth"])
        assert set(alone.labels) == {"depth"}


def test_a_diverged_training_says_which_loss_at_which_step(world: Any) -> None:
    data = world.data(samples=24)
    training = Training(
        build_network(small(shared([t.spec for t in world.tasks.values()]))),
        data,
        world.statistics,
        precision=PLAIN,
    )
    training.run(until=2)
    with torch.no_grad():
        next(training.network.parameters()).fill_(torch.nan)
    with pytest.raises(TrainingError, match=r"diverged: the loss of \w+ is nan at step 2"):
        training.run()


def test_the_learning_rate_rises_then_falls() -> None:
    recipe = Recipe(learning_rate=1.0, warmup=0.25)
    rates = [recipe.rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[25] == pytest.approx(1.0)
    assert rates == sorted(rates[:25]) + sorted(rates[25:], reverse=True)
    assert rates[-1] < 0.02


def test_progress_counts_every_step_once(world: Any) -> None:
    seen: list[tuple[int, int]] = []
    training = Training(
        build_network(small(shared([t.spec for t in world.tasks.values()]))),
        world.data(samples=24),
        world.statistics,
    )
    training.run(until=2, progress=lambda done, total: seen.append((done, total)))
    training.run(progress=lambda done, total: seen.append((done, total)))
    assert seen == [(step, 6) for step in range(1, 7)]


class Only(TrainingData):
    """The batches of a study with the labels of some tasks alone, and few frames labelled."""

    def __init__(self, data: TrainingData, names: tuple[str, ...], samples: int) -> None:
        self.__dict__ = dict(data.__dict__)
        self._names, self._samples = names, samples

    def batch(self, step: int) -> Batch:
        whole = super().batch(step)
        labels = {name: whole.labels[name] for name in self._names}
        return Batch(
            frames=whole.frames, labels=labels, samples=dict.fromkeys(labels, self._samples)
        )


def changed(training: Training, before: dict[str, torch.Tensor]) -> set[str]:
    state = training.network.state_dict()
    return {name for name, value in state.items() if not torch.equal(value, before[name])}


def test_labels_of_one_task_leave_the_others_own_parameters_as_they_were(world: Any) -> None:
    architecture = small(shared([t.spec for t in world.tasks.values()]))
    data = Only(world.data(samples=48), ("depth",), samples=8)
    training = Training(build_network(architecture), data, world.statistics, precision=PLAIN)
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    training.run()
    moved = changed(training, before)
    assert any(name.startswith("decoder.depth.") for name in moved)
    assert any(name.startswith("encoder.") for name in moved)
    others = ("decoder.motion.", "decoder.segmentation.")
    assert not [name for name in moved if name.startswith(others)]


def test_own_parameters_wait_for_a_batch_of_samples_while_shared_ones_learn(world: Any) -> None:
    architecture = small(shared([t.spec for t in world.tasks.values()]))
    data = Only(world.data(samples=48), ("depth",), samples=3)
    training = Training(build_network(architecture), data, world.statistics, precision=PLAIN)
    before = {n: p.detach().clone() for n, p in training.network.named_parameters()}

    def moved(prefix: str) -> bool:
        return any(
            not torch.equal(p, before[n])
            for n, p in training.network.named_parameters()
            if n.startswith(prefix)
        )

    training.run(until=1)
    assert moved("encoder.")
    assert not moved("decoder.depth.")
    training.run(until=2)
    assert moved("decoder.depth.")
