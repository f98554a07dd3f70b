"""Boxes from a detector's output, for metrics, pictures and users of an exported network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.tasks.box_targets import cell_centres

#: Boxes of a frame at most, as in COCO's metrics.
MOST_DETECTIONS = 100
#: Boxes that are less likely are not listed. They changed no metric of a trained network by
#: 0.001.
LEAST_SCORE = 0.02

_LARGEST_LOGIT = 50.0
_LARGEST_OFFSET = 16.0
#: Larger than the frame, so that training can still shrink what is too large.
_LOG_SIZES = (-10.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """Objects found in one frame, the likeliest first.

    ``kinds`` ``(K,)`` index of the class; ``scores`` ``(K,)`` 0 to 1; ``corners`` ``(K, 4)`` x1,
    y1, x2, y2 as shares of the frame's width and height from its top left corner.
    """

    kinds: Tensor
    scores: Tensor
    corners: Tensor


def decode_boxes(
    output: Tensor, *, most: int = MOST_DETECTIONS, least_score: float = LEAST_SCORE
) -> list[Boxes]:
    """The boxes of each frame of a detector's output ``(B, C + 4, h, w)``.

    The first C channels are logits of each class: that an object's centre is in the cell. The last
    four are the object's box: the centre's offset from the middle of the cell, x and y in cells;
    the natural logarithms of its width and height as shares of the frame. Cells cover the frame
    evenly. Objects are where a class's logit is the largest of its 3×3 neighbourhood (CenterNet,
    arXiv 1904.07850, section 4); nothing else is suppressed. Values that are not finite give boxes
    all the same, bounded to the frame. Outputs of ONNX Runtime: ``torch.from_numpy`` them.
    """
    classes, cells = output.shape[1] - 4, output.shape[2] * output.shape[3]
    logits = output[:, :classes].float().nan_to_num(nan=-_LARGEST_LOGIT)
    logits = logits.clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT)
    peaks = logits == F.max_pool2d(logits, 3, stride=1, padding=1)
    scores = torch.where(peaks, logits.sigmoid(), -1.0).flatten(1)  # (B, C h w)
    values, places = scores.topk(min(most, scores.shape[1]), dim=1)
    corners = box_corners(output[:, classes:].float()).flatten(2).transpose(1, 2)  # (B, h w, 4)
    return [
        Boxes(
            kinds=place[kept] // cells,
            scores=value[kept],
            corners=frame[place[kept] % cells].clamp(0, 1),
        )
        for value, place, frame, kept in zip(
            values, places, corners, values >= least_score, strict=True
        )
    ]


def box_corners(boxes: Tensor) -> Tensor:
    """Box channels ``(B, 4, h, w)`` as corners x1, y1, x2, y2 in shares, ``(B, 4, h, w)``.

    Bounded to sizes of 2.7 frames and to centres within 16 cells, not clipped to the frame.
    """
    rows, columns = boxes.shape[-2:]
    cells = torch.tensor([columns, rows], device=boxes.device).view(2, 1, 1)
    offset = boxes[:, :2].nan_to_num().clamp(-_LARGEST_OFFSET, _LARGEST_OFFSET)
    centre = cell_centres(rows, columns, boxes.device) + offset / cells
    half = boxes[:, 2:].nan_to_num().clamp(*_LOG_SIZES).exp() / 2
    return torch.cat([centre - half, centre + half], dim=1)
