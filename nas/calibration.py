"""Running statistics for networks that were never trained."""

from __future__ import annotations

import torch
from torch import nn

from nas.network import Network

_BATCH = 4
_SIDE = 128


def is_untrained(network: Network) -> bool:
    """Whether no normalisation has seen a batch."""
    counters = [m.num_batches_tracked for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    return all(counter is not None and int(counter) == 0 for counter in counters)


def settle_on_noise(network: Network, seed: int = 0) -> None:
    """Take the running statistics of all normalisations from one batch of normal noise.

    With the statistics that they begin with, mean 0 and variance 1, nothing is normalised in
    evaluation mode: activations grow from block to block, and exponentials end at their bound.
    """
    training = network.training
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randn(_BATCH, network.streams, 3, _SIDE, _SIDE, generator=generator)
    for norm in norms:
        norm.momentum = 1.0
    try:
        with torch.no_grad():
            network.train()(frames.to(device))
    finally:
        network.train(training)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
