"""Where something is in a frame, as scores over a grid of cells that cover it evenly.

The position is the mean of the cells' centres weighted by their probabilities, as in integral
regression (Sun et al., arXiv 1711.08229) and DSNT (Nibali et al., arXiv 1801.07372): finer than a
cell, and the network only has to say what it sees where.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LARGEST = 1e4
_SMALLEST_SHARE = 1e-9


def map_target(position: Tensor, rows: int, columns: int) -> Tensor:
    """Probabilities ``(B, h, w)`` of positions ``(B, 2)``, x and y as shares of the frame.

    Shared between the four nearest cells so that their mean is the position; a position nearer
    to the frame's edge than a cell's centre is taken for that.
    """
    across = _shared_out(position[:, 0], columns)
    down = _shared_out(position[:, 1], rows)
    return down[:, :, None] * across[:, None, :]


def map_divergence(scores: Tensor, position: Tensor) -> Tensor:
    """Kullback–Leibler divergence in nats ``(B,)`` of scores ``(B, h, w)`` from positions."""
    target = map_target(position, scores.shape[1], scores.shape[2]).flatten(1)
    cross = -(target * scores.flatten(1).log_softmax(1)).sum(1)
    entropy: Tensor = torch.special.entr(target).sum(1)
    return (cross - entropy).clamp(min=0)


def map_position(scores: Tensor) -> Tensor:
    """Positions ``(B, 2)``, x and y as shares, that scores ``(B, h, w)`` tell.

    Scores that are not finite are taken as 0 (not a number) or as the largest.
    """
    finite = scores.float().nan_to_num(nan=0.0, posinf=_LARGEST, neginf=-_LARGEST)
    _, rows, columns = finite.shape
    shares = finite.flatten(1).softmax(1).view_as(finite)
    x = (shares.sum(1) * _centres(columns, finite)).sum(1)
    y = (shares.sum(2) * _centres(rows, finite)).sum(1)
    return torch.stack([x, y], dim=1)


def peaked_map(position: Tensor, rows: int, columns: int) -> Tensor:
    """Scores ``(B, h, w)`` that tell positions ``(B, 2)``."""
    return map_target(position, rows, columns).clamp(min=_SMALLEST_SHARE).log()


def _shared_out(position: Tensor, count: int) -> Tensor:
    """Probabilities ``(B, count)`` over equal parts of a side whose mean is the position."""
    place = (position.float() * count - 0.5).clamp(0, count - 1)[:, None]
    part = torch.arange(count, device=position.device)
    return (1 - (place - part).abs()).clamp(min=0)


def _centres(count: int, like: Tensor) -> Tensor:
    return (torch.arange(count, device=like.device) + 0.5) / count
