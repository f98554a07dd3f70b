from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from nas.evaluation import constant_metrics, evaluate
from nas.network import build_network
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import shared


def test_batches_of_any_size_give_the_metrics_of_single_frames(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = shared([t.spec for t in world.tasks.values()])
    network = build_network(replace(architecture, encoder=EncoderSpec(width=8)))
    with torch.no_grad():
        network.train()(torch.randn(8, 2, 3, 32, 64))
    together = evaluate(network, [world.val], world.tasks)
    monkeypatch.setattr("nas.evaluation._BATCH", 5)
    apart = evaluate(network, [world.val], world.tasks)
    for task in together:
        assert apart[task] == pytest.approx(together[task], abs=2e-3)
    assert network.training


def test_the_constant_of_motion_reaches_the_share_of_moving_pixels(world: Any) -> None:
    motion = {"motion": world.tasks["motion"]}
    metrics = constant_metrics(world.statistics, [world.val], motion)
    labels = np.asarray(world.val.labels["motion"])
    share = (labels[labels != 255] == 1).mean()
    assert metrics["motion"]["iou_moving"] == pytest.approx(share, rel=1e-6)
