"""Each scheme trains a small network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any, get_args

import pytest
import torch

from nas.data.batches import Batch, TrainingData
from nas.network import build_network
from nas.training import Training
from search_spaces.architecture import Architecture
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.loss_weights import LossWeight
from search_spaces.presets import shared
from search_spaces.vocabulary import Weighting

WORDS: tuple[Weighting, ...] = get_args(Weighting)


class Heterogeneous(TrainingData):
    """The same batches over and over, each with labels of one or two of the tasks."""

    def __init__(self, data: TrainingData, steps: int) -> None:
        self.__dict__ = dict(data.__dict__)
        whole = [data.batch(step) for step in range(len(data))]
        self.plans = data.plans[:1] * steps
        subsets = (("depth", "motion"), ("segmentation",), ("segmentation", "depth"))
        self._batches = [_only(b, names) for b in whole for names in subsets]

    def batch(self, step: int) -> Batch:
        return self._batches[step % len(self._batches)]


def _only(batch: Batch, names: tuple[str, ...]) -> Batch:
    def kept(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: values[name] for name in names if name in values}

    return replace(batch, labels=kept(batch.labels), samples=kept(batch.samples))


def small(world: Any, word: Weighting) -> Architecture:
    return replace(
        shared([task.spec for task in world.tasks.values()]),
        encoder=EncoderSpec(depth="resnet10", width=16),
        weighting=word,
        loss_weights=(LossWeight(task="segmentation", weight=4.0),),
    )


def mean_losses(history: list[dict[str, float]]) -> dict[str, float]:
    return {
        name: fmean(losses[name] for losses in history if name in losses)
        for name in ("depth", "motion", "segmentation")
    }


@pytest.mark.parametrize("word", WORDS)
def test_all_losses_fall(world: Any, word: Weighting) -> None:
    training = Training(
        build_network(small(world, word)),
        Heterogeneous(world.data(samples=4), 45),
        world.statistics,
    )
    training.run()
    first, last = mean_losses(training.history[:6]), mean_losses(training.history[-6:])
    assert all(last[name] < 0.9 * first[name] for name in first), (first, last)


@pytest.mark.parametrize("word", WORDS)
def test_one_seed_gives_one_network(world: Any, word: Weighting) -> None:
    def trained() -> dict[str, torch.Tensor]:
        network = build_network(small(world, word), seed=2)
        training = Training(network, world.data(samples=16), world.statistics)
        training.run()
        return training.network.state_dict()

    first, second = trained(), trained()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_second_pass_is_made_for_famo_alone(world: Any, monkeypatch: Any) -> None:
    passes = []
    for word in WORDS:
        network = build_network(small(world, word))
        training = Training(network, world.data(samples=8), world.statistics)
        calls = []
        monkeypatch.setattr(
            network,
            "forward",
            lambda *a, f=network.forward, c=calls, **k: (c.append(1), f(*a, **k))[1],
        )
        training.run()
        passes.append((word, len(calls)))
    assert dict(passes) == {word: 4 if word == "famo" else 2 for word in WORDS}
