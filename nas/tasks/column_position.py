"""Where something is in a column of an image, as scores over the column's rows.

Row ``r`` of ``h`` stands for the share ``r / (h - 1)`` of the image's height, so that both edges
can be said; that is at most half a row from the row's centre.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Rows on either side of the peak that decoding looks at.
_REACH = 2
_LARGEST = 1e4


def row_target(position: Tensor, rows: int) -> Tensor:
    """Probabilities ``(B, h, w)`` over rows for positions ``(B, w)``, shares from the top edge.

    They are shared between the two nearest rows so that their mean is the position, the
    piecewise-linear target of StixelNet (Levi, Garnett and Fetaya, BMVC 2015, section 3).
    """
    place = position.clamp(0, 1)[:, None] * (rows - 1)
    row = torch.arange(rows, device=position.device, dtype=position.dtype)[:, None]
    return (1 - (place - row).abs()).clamp(min=0)


def row_divergence(logits: Tensor, position: Tensor) -> Tensor:
    """Kullback–Leibler divergence in nats of scores ``(B, h, w)`` from positions, ``(B, w)``.

    The cross-entropy with ``row_target`` less that target's own entropy, so that the best is 0.
    StixelNet takes the logarithm of the interpolated probability instead, which is smallest where
    all of it lies on one row; here the scores learn where between two rows the position is.
    """
    target = row_target(position, logits.shape[1])
    entropy: Tensor = torch.special.entr(target).sum(1)
    cross = -(target * logits.log_softmax(1)).sum(1)
    return (cross - entropy).clamp(min=0)


def decode_rows(logits: Tensor) -> Tensor:
    """Positions ``(B, w)`` that scores ``(B, h, w)`` tell, as shares of the height from the top.

    The mean over the rows within 2 of the peak, weighted by their probabilities: finer than a
    row, and a second, lower peak far away does not pull it. Scores that are not finite are taken
    as 0 (not a number) or as the largest.
    """
    scores = logits.float().nan_to_num(nan=0.0, posinf=_LARGEST, neginf=-_LARGEST)
    rows = scores.shape[1]
    row = torch.arange(rows, device=scores.device)[:, None]
    peak = scores.max(1, keepdim=True).indices
    near = scores.masked_fill((row - peak).abs() > _REACH, -torch.inf).softmax(1)
    return (near * row).sum(1) / max(1, rows - 1)


def peaked_logits(position: Tensor, rows: int) -> Tensor:
    """Scores ``(B, h, w)`` that decode to positions ``(B, w)``."""
    return row_target(position, rows).clamp(min=1e-9).log()
