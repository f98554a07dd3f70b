from __future__ import annotations

import torch
from torch import nn

from nas.calibration import is_untrained, settle_on_noise
from nas.network import build_network
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.presets import preset


def test_outputs_of_an_untrained_network_become_moderate() -> None:
    network = build_network(preset("two-stream-three-task", DEFAULT_TASKS)).eval()
    frames = torch.randn(1, 2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wild = network(frames)["depth"]
        settle_on_noise(network)
        outputs = network(frames)
    assert wild.max() > 1e4
    assert all(output.abs().max() < 100 for output in outputs.values())


def test_nothing_but_statistics_changes_and_it_repeats() -> None:
    one, two = (build_network(preset("shared", DEFAULT_TASKS)).eval() for _ in range(2))
    before = {name: p.clone() for name, p in one.named_parameters()}
    settle_on_noise(one)
    torch.rand(3)
    settle_on_noise(two)
    assert all(torch.equal(p, before[name]) for name, p in one.named_parameters())
    pairs = zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not one.training
    assert {m.momentum for m in one.modules() if isinstance(m, nn.BatchNorm2d)} == {0.1}


def test_a_network_that_saw_a_batch_is_not_untrained() -> None:
    network = build_network(preset("shared", DEFAULT_TASKS))
    assert is_untrained(network)
    network.train()(torch.randn(2, 2, 3, 64, 64))
    assert not is_untrained(network)
