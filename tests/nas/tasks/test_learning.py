"""Every task of the embedded world can be learnt: head, labels and loss fit together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nas.data.batches import gather, normalize
from nas.data.cache import CachedFrames, prepare
from nas.data.synthetic import SyntheticSource
from nas.evaluation import label_statistics
from nas.network import build_network
from nas.resolution import Resolution
from nas.tasks.kinds import make_task
from nas.training import begin_at_prior
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import (
    CALIBRATION,
    ODOMETRY,
    SCENE,
    SOILING,
    SOILING_TILES,
    STIXELS,
    WEATHER,
)
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.sharing import Sharing
from search_spaces.task_spec import TaskSpec

SPECS = (STIXELS, ODOMETRY, SCENE, WEATHER, SOILING, SOILING_TILES, CALIBRATION)
TASKS = {spec.name: make_task(spec) for spec in SPECS}
#: What the primary metric reaches of a batch that is known by heart.
KNOWN = {
    "stixels": 0.9,
    "odometry": 10.0,
    "scene": 1.0,
    "weather": 1.0,
    "soiling": 1.0,
    "soiling_tiles": 1.0,
    "calibration": 0.3,
}


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> CachedFrames:
    source = SyntheticSource(seed=5, train=8, val=0, test=0)
    folder: Path = tmp_path_factory.mktemp("cache")
    return prepare(source, "train", Resolution(64, 32), tasks=TASKS, cache_dir=folder, workers=1)


def small(spec: TaskSpec) -> Architecture:
    return Architecture(
        tasks=(spec,),
        sharing=Sharing.independent((spec.name,)),
        encoder=EncoderSpec(depth="resnet10", width=16),
        streams=2,
    )


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_one_batch_can_be_learnt_by_heart(frames: CachedFrames, spec: TaskSpec) -> None:
    task = TASKS[spec.name]
    statistics = label_statistics([frames], {spec.name: task})
    network = build_network(small(spec), seed=0)
    begin_at_prior(network, statistics)
    raw, labels = gather(frames, range(8), {spec.name: task}, streams=2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(60):
        output = network.train()(normalize(raw))[spec.name]
        loss = task.loss(output, labels[spec.name], statistics[spec.name])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():  # with the batch's own mean and variance, as it was learnt
        evaluator = task.evaluator()
        evaluator.update(network(normalize(raw))[spec.name], labels[spec.name])
    reached, wanted = evaluator.result()[task.primary.name], KNOWN[spec.name]
    assert reached >= wanted if task.primary.direction == "maximize" else reached <= wanted
