"""Which number format and memory layout trains fastest on a device.

Chosen by what the device is, never by a stopwatch, so that equal machines give equal results.
Measured on a 2-core AVX-512 CPU with bfloat16 instructions: autocast to bfloat16 with channels
last trains 1.3 to 2 times as fast as fp32 with channels first (``benchmarks/training_step.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, kw_only=True)
class Precision:
    """Autocast to bfloat16 or not, and the memory layout of activations."""

    bfloat16: bool
    channels_last: bool

    def prepare(self, network: nn.Module) -> nn.Module:
        """The network with its weights in the layout."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return network.to(memory_format=layout)  # type: ignore[call-overload,no-any-return]

    def autocast(self, device: torch.device) -> torch.autocast:
        """Context in which the forward pass runs."""
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.bfloat16)


PLAIN = Precision(bfloat16=False, channels_last=False)


def training_precision(device: torch.device) -> Precision:
    """The fastest format that trains equally well on a device."""
    if device.type == "cuda":
        return Precision(bfloat16=torch.cuda.is_bf16_supported(), channels_last=True)
    return Precision(bfloat16=_cpu_multiplies_bfloat16(), channels_last=True)


def _cpu_multiplies_bfloat16() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
