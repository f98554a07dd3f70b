"""Published weights of EfficientNet-Lite, as the modules here name and normalise things.

The weights are those of TensorFlow, as PyTorch ports hold them: ``_conv_stem``, ``_blocks.7._bn0``.
They expect pixels as ``(value - 127) / 128`` (MEAN_RGB and STDDEV_RGB of
``efficientnet_lite_builder.py``), frames here come with ImageNet's mean and deviation. Both are
affine in the pixel, so the stem's convolution takes the difference over: its kernels the scale, the
mean of its normalisation the offset. That is exact but for what lies beyond the frame: zeros stand
for ImageNet's mean colour there, 3 to 24 grey levels from the 127 that they stood for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from nas.data.batches import IMAGE_MEAN, IMAGE_STD
from search_spaces.efficientnet_spec import LITE0

_CENTRE, _SCALE = 127.0, 128.0
_HEAD = ("_conv_head.", "_bn1.", "_fc.")


def efficientnet_weights(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's part of a published state dict; what has another form keeps its name."""
    weights = {
        _renamed(key): value for key, value in published.items() if not key.startswith(_HEAD)
    }
    if {"conv_stem.weight", "bn0.running_mean"} <= weights.keys():
        _fold_scaling(weights)
    return weights


def _renamed(key: str) -> str:
    """``_blocks.2._bn0.weight`` as ``layer1.0.bn0.weight``: blocks are numbered by stage here."""
    match = re.fullmatch(r"_blocks\.(\d+)\._(.+)", key)
    if match is None:
        return key.removeprefix("_") if key.startswith(("_conv_stem.", "_bn0.")) else key
    index = int(match[1])
    for stage, rows in enumerate(LITE0.rows):
        blocks = sum(row.blocks for row in rows)
        if index < blocks:
            return f"layer{stage}.{index}.{match[2]}"
        index -= blocks
    return key


def _fold_scaling(weights: dict[str, Tensor]) -> None:
    """Let the stem read ``(value / 255 - mean) / std`` where it read ``(value - 127) / 128``."""
    mean, std = torch.tensor(IMAGE_MEAN), torch.tensor(IMAGE_STD)
    kernels = weights["conv_stem.weight"]
    scale = (255 * std / _SCALE).view(1, 3, 1, 1)
    offset = ((255 * mean - _CENTRE) / _SCALE).view(1, 3, 1, 1)
    weights["conv_stem.weight"] = kernels * scale
    weights["bn0.running_mean"] = weights["bn0.running_mean"] - (kernels * offset).sum((1, 2, 3))
