"""Detection: boxes with classes from single cells, without anchors; judged as COCO judges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nas.data.source import IGNORE
from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.average_precision import AveragePrecision
from nas.tasks.box_decoding import Boxes, box_corners, decode_boxes
from nas.tasks.box_labels import (
    MOST_BOXES,
    NO_LABEL,
    check_boxes,
    crop_boxes,
    fit_boxes,
    flip_boxes,
    labelled,
    objects,
)
from nas.tasks.box_targets import SPREAD, BoxTargets, box_targets
from nas.tasks.constant_boxes import constant_boxes
from nas.tasks.palette import class_colours
from nas.tasks.task import Array, Evaluator, LabelStatistics, Metric, Picture, Task
from search_spaces.task_spec import ArchitectureError, TaskSpec

#: Pictures show boxes that are at least so likely.
SHOWN_SCORE = 0.3

#: Where Huber's loss of the box channels turns from square to linear: an error of a fifth of a side
#: costs about a third of the overlap.
_HUBER = 0.2
_CHANNELS_WEIGHT = 0.5

#: Heat from which a cell of a region to ignore counts for the object whose bump it is.
_NEAR = 0.3
#: Of the boxes beside the classes. Boxes are what a short training lacks: after 150 steps on the
#: synthetic world the AP at 0.5 was 0.055 with 4, 0.083 with 10 (another seed: 0.075) and 0.057
#: with 25.
_BOX_WEIGHT = 10.0
#: In a sum of losses detection needs this much. Beside ten other tasks the AP at 0.5 after 150
#: steps was 0.052 with it and 0.029 with a fifth of it; the other tasks did no worse.
_SCALE = 1 / 2

#: Sum of the heat of an object as share of its box.
_BUMP_AREA = 2 * math.pi * SPREAD**2
#: Bounds of the score of every cell before training.
_LEAST_PRIOR, _LARGEST_PRIOR = 0.01, 0.2
#: Sides of a box, as share of the frame, where training has none.
_USUAL_SIDE = 0.1


@dataclass(frozen=True, kw_only=True)
class DetectionStatistics(LabelStatistics):
    """And the list of boxes that is the best constant prediction: no output says it."""

    boxes: Boxes


class Detection(Task):
    """Boxes of objects, a class each. ``nas.tasks.box_decoding.decode_boxes`` reads the output.

    The output ``(B, C + 4, h, w)`` has a logit for each class and a box in every cell. Labels are
    the rows of ``nas.tasks.box_labels``: float32 ``(N, 5)`` from a source, ``(64, 5)`` once fitted,
    filled with -1; -2 where a frame has no label. A frame without objects is labelled all the same:
    nothing is to be found there. Nor does it matter what is found in regions to ignore.

    Classes learn CenterNet's bumps around the objects' centres (arXiv 1904.07850) by the quality
    focal loss (arXiv 2006.04388, eq. 4), which was better than CenterNet's own in each of three
    pairs of short trainings, by 2 to 25 % of the AP. The cells around a centre learn the object's
    box by 1 - GIoU (arXiv 1902.09630), as in TTFNet (arXiv 1909.00700), and by Huber's loss of the
    channels.

    Metrics: ``map_50``, mean over the classes of the average precision at an overlap of 0.5;
    ``map``, its mean over overlaps of 0.5 to 0.95; ``ap_50_<class>`` in the result only. All are 0
    without any object.
    """

    kind = "detection"
    label_dtype = np.float32
    unlabelled = NO_LABEL
    pixelwise = False
    output_unit = "logit"
    metrics = (
        Metric(name="map_50", direction="maximize", unit="share"),
        Metric(name="map", direction="maximize", unit="share"),
    )

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec)
        classes = len(spec.classes)
        if not 1 <= classes < IGNORE or spec.channels != classes + 4 or spec.positive:
            raise ArchitectureError(
                f"task {spec.name}: {classes} classes, {spec.channels} channels, "
                f"positive={spec.positive}; kind detection needs 1 to {IGNORE - 1} classes, a "
                "channel for each and 4 for the box, and positive=False"
            )
        if spec.output_stride not in (4, 8, 16, 32):
            raise ArchitectureError(
                f"task {spec.name}: output_stride is {spec.output_stride}; kind detection "
                "predicts a box a cell, use 4, 8, 16 or 32"
            )
        self.classes = spec.classes
        self._colours = class_colours(spec.classes)

    @property
    def reading(self) -> str:
        """What the channels are, and what makes boxes of them."""
        count = len(self.classes)
        return (
            f"channels 0 to {count - 1}: logit of each class that an object's centre is in the "
            f"cell; {count} to {count + 3}: the centre's offset from the cell's middle (x, y, in "
            "cells), logarithm of the box's width and height (as shares of the frame's); "
            "`nas.tasks.box_decoding.decode_boxes` makes boxes of it"
        )

    def label_shape(self, resolution: Resolution) -> tuple[int, ...]:
        """A list of boxes, whatever the resolution."""
        return (MOST_BOXES, 5)

    def check_label(self, label: Array) -> None:
        """Allow rows of a class or 255 and a box within the frame."""
        check_boxes(label, self.classes)

    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """The 64 largest boxes: shares of the frame stay what they are."""
        return fit_boxes(label)

    def flip_label(self, label: Tensor) -> Tensor:
        """Boxes of the mirrored frame."""
        return flip_boxes(label)

    def crop_label(self, label: Tensor, window: Window) -> Tensor:
        """Boxes as shares of the window; objects mostly outside become regions to ignore."""
        return crop_boxes(label, window)

    def statistics(self, labels: Iterable[Array]) -> LabelStatistics:
        """How often cells hold a centre, and the mean box, as bias; the best list of boxes."""
        frames = [_objects(label) for label in labels if label[0, 0] != NO_LABEL]
        priors = [self._prior(frames, kind) for kind in range(len(self.classes))]
        bias = torch.tensor([*map(_logit, priors), 0.0, 0.0, *_mean_log_sides(frames)])
        boxes = constant_boxes(frames, len(self.classes))
        return DetectionStatistics(initial_bias=bias, weights=None, constant=bias, boxes=boxes)

    def _prior(self, frames: list[NDArray[np.float32]], kind: int) -> float:
        """Mean heat of a class over all cells; from areas, for it needs no resolution."""
        areas = [_sides(boxes[boxes[:, 0] == kind]).prod(1).sum() for boxes in frames]
        share = _BUMP_AREA * float(np.mean(areas)) if areas else 0.0
        return min(max(share, _LEAST_PRIOR), _LARGEST_PRIOR)

    def loss(self, output: Tensor, label: Tensor, statistics: LabelStatistics) -> Tensor:
        """Focal loss of the classes and GIoU loss of the boxes, the mean over labelled objects.

        Frames of fewer than one object count as one, so that a batch of empty frames weighs no more
        than others.
        """
        output, classes = output.float(), len(self.classes)
        target = box_targets(label, classes, *output.shape[-2:])
        known = labelled(label)
        there = (objects(label).sum(1) * known).sum()
        focal = _focal(output[:, :classes], target).sum((1, 2, 3))
        boxes = (_box_loss(output[:, classes:], target.boxes) * target.weight).sum((1, 2))
        scale = torch.maximum(there, known.sum()).clamp(min=1)
        return torch.where(known, focal + _BOX_WEIGHT * boxes, 0.0).sum() * _SCALE / scale

    def evaluator(self) -> Evaluator:
        """A fresh ``DetectionEvaluator``."""
        return DetectionEvaluator(self.classes)

    def evaluate_constant(
        self, statistics: LabelStatistics, labels: Iterable[Array], resolution: Resolution
    ) -> Mapping[str, float]:
        """The boxes that fit the most training frames, whatever the frame shows.

        One output for all cells would find an object at every place alike, which is far worse.
        """
        assert isinstance(statistics, DetectionStatistics)
        precision = AveragePrecision(self.classes)
        for label in labels:
            if label[0, 0] != NO_LABEL:
                precision.add(_boxes(label), statistics.boxes)
        return precision.result()

    def legend(self) -> tuple[tuple[tuple[int, int, int], str], ...]:
        """Every class."""
        colours = self._colours[: len(self.classes)].tolist()
        return tuple(((c[0], c[1], c[2]), n) for c, n in zip(colours, self.classes, strict=True))

    def picture_of_label(self, label: Array, image: Picture) -> Picture:
        """Frames of boxes over the image, one colour a class; nothing of regions to ignore."""
        boxes = _objects(label)
        return self._drawn(boxes[:, 0], boxes[:, 1:], image)

    def picture_of_output(self, output: Tensor, image: Picture) -> Picture:
        """The boxes that are likely by 0.3 or more."""
        found = decode_boxes(output[None], least_score=SHOWN_SCORE)[0]
        return self._drawn(found.kinds.cpu().numpy(), found.corners.cpu().numpy(), image)

    def _drawn(self, kinds: Array, corners: Array, image: Picture) -> Picture:
        """Lines one pixel wide on the boxes' outermost pixels; small ones over large ones."""
        height, width, _ = image.shape
        picture = image.copy()
        pixels = np.rint(corners * np.array([width, height] * 2, np.float32)).astype(int)
        low = np.minimum(pixels[:, :2], [width - 1, height - 1])
        high = np.maximum(pixels[:, 2:] - 1, low)
        area = (high - low + 1).prod(1)
        for i in np.lexsort((low[:, 1], low[:, 0], kinds, -area)):
            (x1, y1), (x2, y2), colour = low[i], high[i], self._colours[int(kinds[i])]
            picture[[y1, y2], x1 : x2 + 1] = colour
            picture[y1 : y2 + 1, [x1, x2]] = colour
        return picture


class DetectionEvaluator:
    """Average precisions of a split."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._precision = AveragePrecision(classes)

    def update(self, output: Tensor, label: Tensor) -> None:
        """Add outputs ``(B, C + 4, h, w)`` and labels ``(B, 64, 5)``."""
        rows = label.cpu().numpy()
        for boxes, found in zip(rows, decode_boxes(output), strict=True):
            if boxes[0, 0] != NO_LABEL:
                self._precision.add(_boxes(boxes), found)

    def result(self) -> dict[str, float]:
        """Shares between 0 and 1, higher is better."""
        return self._precision.result()


def _focal(logits: Tensor, target: BoxTargets) -> Tensor:
    """Quality focal loss ``(B, C, h, w)``, (s - heat)² times the cross-entropy of s and heat.

    In regions to ignore only cells near an object's centre count.
    """
    error = (logits.sigmoid() - target.heat).square()
    entropy = F.binary_cross_entropy_with_logits(logits, target.heat, reduction="none")
    counts = ~target.ignored[:, None] | (target.heat > _NEAR)
    return error * entropy * counts


def _box_loss(boxes: Tensor, target: Tensor) -> Tensor:
    """Loss ``(B, h, w)`` of box channels ``(B, 4, h, w)``: 1 - GIoU, and Huber's of the channels.

    GIoU alone hardly pulls at boxes that are far off. Offsets count as shares of the box's sides.
    """
    rows, columns = boxes.shape[-2:]
    cells = torch.tensor([columns, rows], device=boxes.device).view(2, 1, 1)
    offset = (boxes[:, :2] - target[:, :2]) / (target[:, 2:].exp() * cells)
    error = torch.cat([offset, boxes[:, 2:] - target[:, 2:]], dim=1)
    channels = F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none", beta=_HUBER)
    return 1 - _giou(boxes, target) + _CHANNELS_WEIGHT * channels.sum(1)


def _giou(boxes: Tensor, target: Tensor) -> Tensor:
    """Generalised overlap -1 to 1 of box channels ``(B, 4, h, w)``, ``(B, h, w)``."""
    a, b = box_corners(boxes), box_corners(target)
    common = _area(torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:]))
    union = (_area(a[:, :2], a[:, 2:]) + _area(b[:, :2], b[:, 2:]) - common).clamp(min=1e-9)
    hull = _area(torch.minimum(a[:, :2], b[:, :2]), torch.maximum(a[:, 2:], b[:, 2:]))
    return common / union - (1 - union / hull.clamp(min=1e-9))


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0).prod(1)


def _boxes(label: Array) -> NDArray[np.float32]:
    """The rows of a fitted label that are objects or regions to ignore."""
    rows = np.asarray(label, np.float32)
    kept: NDArray[np.float32] = rows[rows[:, 0] >= 0]
    return kept


def _objects(label: Array) -> NDArray[np.float32]:
    """The rows of a fitted label that are objects."""
    rows = _boxes(label)
    kept: NDArray[np.float32] = rows[rows[:, 0] != IGNORE]
    return kept


def _sides(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Widths and heights ``(N, 2)`` of rows ``(N, 5)``."""
    return boxes[:, 3:] - boxes[:, 1:3]


def _mean_log_sides(frames: list[NDArray[np.float32]]) -> list[float]:
    """Mean logarithms of width and height."""
    sides = np.concatenate([np.zeros((0, 2), np.float32), *map(_sides, frames)])
    if not len(sides):
        return [math.log(_USUAL_SIDE)] * 2
    return [float(mean) for mean in np.log(sides).mean(0)]


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
