from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nas.data.batches import TrainingData
from nas.data.cache import prepare
from nas.data.synthetic import SyntheticSource
from nas.evaluation import label_statistics
from nas.network import build_network
from nas.resolution import Resolution
from nas.tasks.kinds import make_task
from nas.training import Training
from pruning.groups import Criterion
from pruning.recovery import DENSE_SHARE, dense_network, train_and_prune
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.filter_ratios import FilterRatio
from search_spaces.presets import shared


@pytest.fixture(scope="module")
def pruned() -> Architecture:
    network = replace(shared(DEFAULT_TASKS), encoder=EncoderSpec(depth="resnet10", width=16))
    ratios = (
        FilterRatio(task="motion", part="shared", ratio=0.5),
        FilterRatio(task="depth", part="decoder", ratio=0.5),
    )
    return replace(network, pruning=ratios)


@pytest.fixture(scope="module")
def training_of(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    source = SyntheticSource(train=16, val=0, test=0)
    tasks = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
    folder: Path = tmp_path_factory.mktemp("cache")
    frames = prepare(source, "train", Resolution(64, 32), tasks=tasks, cache_dir=folder)
    statistics = label_statistics([frames], tasks)

    def make(architecture: Architecture) -> Training:
        data = TrainingData([frames], tasks, streams=2, samples=40, batch_size=4, seed=0)
        return Training(dense_network(architecture, 0), data, statistics)

    return make


@pytest.mark.parametrize("criterion", ["taylor", "magnitude"])
def test_pruning_happens_within_the_same_samples(
    pruned: Architecture,
    training_of,  # type: ignore[no-untyped-def]
    criterion: Criterion,
) -> None:
    training = training_of(pruned)
    steps: list[int] = []
    network = train_and_prune(
        training, pruned, criterion=criterion, progress=lambda done, total: steps.append(done)
    )
    assert steps == list(range(1, 11))
    assert len(training.history) == 10
    assert network.plan.architecture == pruned
    planned = build_network(pruned).state_dict()
    assert {k: v.shape for k, v in network.state_dict().items()} == {
        k: v.shape for k, v in planned.items()
    }


def test_the_network_is_dense_before_its_share_of_the_samples(
    pruned: Architecture,
    training_of,  # type: ignore[no-untyped-def]
) -> None:
    training = training_of(pruned)
    widths: list[int] = []
    train_and_prune(
        training,
        pruned,
        progress=lambda done, total: widths.append(
            sum(p.numel() for p in training.network.parameters())
        ),
    )
    dense = round(DENSE_SHARE * 10)
    assert len(set(widths[:dense])) == len(set(widths[dense:])) == 1
    assert widths[0] > widths[-1]


def test_an_architecture_without_ratios_is_trained_straight_through(
    pruned: Architecture,
    training_of,  # type: ignore[no-untyped-def]
) -> None:
    training = training_of(pruned.dense)
    network = training.network
    assert train_and_prune(training, pruned.dense) is network
