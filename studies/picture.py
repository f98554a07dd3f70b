"""A small picture of what a network predicts, beside what is true."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from nas.data.batches import gather, normalize
from nas.data.cache import CachedFrames
from nas.network import Network
from nas.tasks.task import Task

_FRAMES = 3
_GAP = 4
_WIDTH = 256


@torch.inference_mode()
def predictions_picture(
    network: Network, sets: tuple[CachedFrames, ...], tasks: Mapping[str, Task]
) -> Image.Image:
    """One row a frame: the frame, then label and prediction of every task, left to right.

    A task without a label in a frame shows black in its place.
    """
    rows = []
    for cached in sets:
        indices = np.linspace(0, len(cached) - 1, min(_FRAMES, len(cached)), dtype=int)
        for index in indices:
            rows.append(_row(network, cached, int(index), tasks))
    return Image.fromarray(np.concatenate([_padded(row) for row in rows], axis=0))


def _row(
    network: Network, cached: CachedFrames, index: int, tasks: Mapping[str, Task]
) -> NDArray[np.uint8]:
    raw, labels = gather(cached, [index], tasks, network.streams)
    device = next(network.parameters()).device
    outputs = network(normalize(raw.to(device)))
    tiles = [raw[0, 0].permute(1, 2, 0).numpy()]
    for name, output in outputs.items():
        label = labels.get(name)
        predicted = tasks[name].picture_of_output(output[0].cpu(), tiles[0])
        true = np.zeros_like(predicted)
        if label is not None:
            true = tasks[name].picture_of_label(label[0].numpy(), tiles[0])
        tiles += [true, predicted]
    return np.concatenate([_padded(_enlarged(tile)) for tile in tiles], axis=1)


def _enlarged(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = max(1, _WIDTH // tile.shape[1])
    return tile.repeat(factor, axis=0).repeat(factor, axis=1)


def _padded(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.pad(tile, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255)
