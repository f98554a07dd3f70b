from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from nas.data.batches import Batch, TrainingData
from nas.elastic.training import ElasticTraining
from nas.elastic.weights import ElasticWeights
from nas.training import TrainingError
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS, DEPTH
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import independent, shared

_ENCODER = EncoderSpec(depth="resnet10", width=8)
_NARROW = replace(shared(DEFAULT_TASKS), encoder=_ENCODER)


def _of_depth(width: int) -> Architecture:
    return replace(independent((DEPTH,), EncoderSpec(depth="resnet10", width=width)), streams=1)


class OneBatch(TrainingData):
    """The same unaugmented batch at every step."""

    def __init__(self, data: TrainingData, steps: int) -> None:
        self.__dict__ = dict(data.__dict__)
        self._batch = data.batch(0)
        self.plans = data.plans[:1] * steps

    def batch(self, step: int) -> Batch:
        return self._batch


class NotFinite:
    """A task whose loss is not a number at some steps."""

    def __init__(self, task: Any, wrong: Sequence[int]) -> None:
        self._task, self._wrong, self._calls = task, wrong, 0

    def loss(self, *arguments: Any) -> Tensor:
        loss: Tensor = self._task.loss(*arguments)
        self._calls += 1
        return loss * (torch.nan if self._calls - 1 in self._wrong else 1.0)


def _depth_alone(world: Any, steps: int) -> TrainingData:
    return OneBatch(world.data(samples=4).for_tasks(["depth"], streams=1), steps)


def _training(world: Any, data: TrainingData, networks: Sequence[Architecture]) -> ElasticTraining:
    weights = ElasticWeights(world.statistics, seed=0)
    return ElasticTraining(weights, data, lambda _: networks)


def test_losses_of_all_tasks_fall(world: Any) -> None:
    branched = replace(independent(DEFAULT_TASKS, _ENCODER), decoder=_NARROW.decoder)
    training = _training(world, world.data(samples=80), [_NARROW, branched])
    training.run()
    assert len(training.history) == 20
    for task in ("depth", "segmentation"):
        losses = [losses[task] for losses in training.history]
        assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_networks_of_two_widths_learn_one_batch_by_heart_with_the_same_weights(
    world: Any,
) -> None:
    training = _training(world, _depth_alone(world, 60), [_of_depth(16), _of_depth(8)])
    training.run()
    losses = [losses["depth"] for losses in training.history]
    assert losses[-1] < 0.3 * losses[0]
    wide = training.weights.network(_of_depth(16)).state_dict()
    narrow = training.weights.network(_of_depth(8)).state_dict()
    name = "encoder.depth.layer1.0.conv1.weight"
    assert torch.equal(narrow[name], wide[name][:8, :8])


def test_the_same_seed_gives_the_same_weights_to_the_last_bit(world: Any) -> None:
    def learnt() -> dict[str, Tensor]:
        training = _training(world, _depth_alone(world, 3), [_of_depth(8)])
        training.run()
        return training.weights.tensors

    first, second = learnt(), learnt()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_losses_that_stay_without_bounds_end_the_training(world: Any) -> None:
    data = _depth_alone(world, 30)
    data.tasks["depth"] = NotFinite(data.tasks["depth"], range(3, 100))  # type: ignore[assignment]
    training = _training(world, data, [_of_depth(8)])
    with pytest.raises(TrainingError, match=r"shared weights diverged at step 22: .*nan"):
        training.run()


def test_one_loss_without_bounds_is_skipped_and_leaves_the_weights_as_they_were(
    world: Any,
) -> None:
    data = _depth_alone(world, 4)
    data.tasks["depth"] = NotFinite(data.tasks["depth"], [2])  # type: ignore[assignment]
    training = _training(world, data, [_of_depth(8)])
    kept: list[dict[str, Tensor]] = []

    def keep(*_: int) -> None:
        kept.append({key: tensor.clone() for key, tensor in training.weights.tensors.items()})

    training.run(keep)
    changed = [
        any(not torch.equal(before[key], after[key]) for key in before)
        for before, after in itertools.pairwise(kept)
    ]
    assert changed == [True, False, True]


def test_progress_counts_every_step_once(world: Any) -> None:
    seen: list[tuple[int, int]] = []
    training = _training(world, _depth_alone(world, 3), [_of_depth(8)])
    training.run(lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
