"""How weights begin: reproducible, and the same for every network of a study."""

from __future__ import annotations

import math
import zlib

import torch
from torch import nn

from nas.decoder import FCN8Level
from nas.fusion import RecurrentFusion
from nas.head import Head


def initialize(network: nn.Module, seed: int) -> None:
    """Fill all parameters from a generator of their own.

    Convolutions: He et al. (arXiv 1502.01852), eq. 10, fan out. Transposed convolutions: bilinear
    upsampling of each channel, as in FCN. Scores: small, so that outputs begin at their bias.
    Every module draws from its own name, so networks that share a part share its first weights.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            generator = torch.Generator().manual_seed(_seed_of(name, seed))
            fan_out = module.out_channels // module.groups * math.prod(module.kernel_size)
            _normal(module.weight, math.sqrt(2 / fan_out), generator)
            _zero(module.bias)
        elif isinstance(module, nn.ConvTranspose2d):
            _bilinear(module)
            _zero(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    for name, module in network.named_modules():
        _initialize_scores(name, module, seed)


def _initialize_scores(name: str, module: nn.Module, seed: int) -> None:
    if isinstance(module, Head | FCN8Level) and isinstance(module.score, nn.Conv2d):
        generator = torch.Generator().manual_seed(_seed_of(name, seed))
        _normal(module.score.weight, 0.01, generator)
    if isinstance(module, RecurrentFusion):
        assert module.gate.bias is not None
        nn.init.ones_(module.gate.bias)


def _seed_of(name: str, seed: int) -> int:
    """32 bits: a CPU generator ignores all higher ones."""
    return zlib.crc32(f"{seed} {name}".encode())


def _normal(tensor: torch.Tensor, std: float, generator: torch.Generator) -> None:
    with torch.no_grad():
        tensor.normal_(0.0, std, generator=generator)


def _zero(bias: torch.Tensor | None) -> None:
    if bias is not None:
        nn.init.zeros_(bias)


def _bilinear(module: nn.ConvTranspose2d) -> None:
    size = module.kernel_size[0]
    center = (size - 1) / 2
    ramp = 1 - (torch.arange(size) - center).abs() / module.stride[0]
    with torch.no_grad():
        module.weight.zero_()
        for channel in range(min(module.in_channels, module.out_channels)):
            module.weight[channel, channel] = torch.outer(ramp, ramp)
