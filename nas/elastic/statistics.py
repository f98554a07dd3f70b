"""Running statistics of a network whose weights were inherited, estimated anew.

Statistics that were gathered with other widths are wrong for every one of them (Yu and Huang,
'Universally slimmable networks', arXiv 1903.05134, section 4.2).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from nas.network import Network
from nas.precision import training_precision


@torch.no_grad()
def estimate_statistics(network: Network, frames: Iterable[Tensor]) -> None:
    """Replace all running statistics by the mean over batches of frames ``(B, S, 3, H, W)``."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    device = next(network.parameters()).device
    precision = training_precision(device)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
    training = network.training
    try:
        for batch in frames:
            with precision.autocast(device):
                network.train()(batch.to(device))
    finally:
        network.train(training)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
