"""Semantic segmentation: one class a pixel, cross-entropy, mean intersection over union."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nas.data.source import IGNORE
from nas.resolution import Resolution
from nas.tasks.class_labels import (
    check_classes,
    class_shares,
    damped_weights,
    log_prior,
    one_hot,
    resize_classes,
)
from nas.tasks.confusion import ConfusionMatrix
from nas.tasks.palette import class_colours
from nas.tasks.task import Array, Evaluator, LabelStatistics, Metric, Picture, Task
from search_spaces.task_spec import ArchitectureError, TaskSpec


class Segmentation(Task):
    """Classes by pixel, for any list of classes. The output is one logit a class.

    Metrics: ``miou`` over the classes that occur in the label or in the prediction of the split,
    ``pixel_accuracy``, and ``iou_<class>`` for every class, 0 where it occurs in neither (higher
    is better; they stand in the result only, for they depend on the class list).
    """

    kind = "segmentation"
    label_dtype = np.uint8
    output_unit = "logit"
    metrics = (
        Metric(name="miou", direction="maximize", unit="share"),
        Metric(name="pixel_accuracy", direction="maximize", unit="share"),
    )
    #: Mild: a pole of 1 % of the pixels weighs 2.3 times a road of 30 %.
    weight_exponent: ClassVar[float] = 0.25
    largest_weight: ClassVar[float] = 10.0

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec)
        if spec.positive or not 2 <= spec.channels < IGNORE:
            raise ArchitectureError(
                f"task {spec.name}: {spec.channels} channels, positive={spec.positive}; "
                f"kind {self.kind} needs 2 to {IGNORE - 1} channels, one a class, and "
                "positive=False"
            )
        self.classes = spec.classes or tuple(f"class{i}" for i in range(spec.channels))
        self._colours = class_colours(self.classes)

    def check_label(self, label: Array) -> None:
        """Allow the numbers of the classes, from 0, and ``IGNORE``."""
        check_classes(label, self.classes)

    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """The class under the centre of every new pixel."""
        return resize_classes(label, resolution)

    def statistics(self, labels: Iterable[Array]) -> LabelStatistics:
        """Log shares as bias, damped inverse shares as weights, the best class as constant."""
        shares = class_shares(labels, len(self.classes))
        return LabelStatistics(
            initial_bias=log_prior(shares),
            weights=damped_weights(shares, self.weight_exponent, self.largest_weight),
            constant=one_hot(self._best_constant(shares), len(self.classes)),
        )

    def _best_constant(self, shares: NDArray[np.float64]) -> int:
        """A constant class has its share as its IoU, all others 0: the most frequent is best."""
        return int(shares.argmax())

    def loss(self, output: Tensor, label: Tensor, statistics: LabelStatistics) -> Tensor:
        """Cross-entropy in nats, the weighted mean over labelled pixels."""
        target = label.long()
        if not (target != IGNORE).any():
            return output.float().sum() * 0.0
        weights = statistics.weights
        return F.cross_entropy(
            output.float(),
            target,
            weight=None if weights is None else weights.to(output.device),
            ignore_index=IGNORE,
        )

    def evaluator(self) -> Evaluator:
        """A fresh ``SegmentationEvaluator``."""
        return SegmentationEvaluator(self.classes)

    def legend(self) -> tuple[tuple[tuple[int, int, int], str], ...]:
        """Every class, and black for no label."""
        values = (*range(len(self.classes)), IGNORE)
        colours = self._colours[np.array(values, np.uint8)].tolist()
        names = (*self.classes, "no label")
        return tuple(((c[0], c[1], c[2]), n) for c, n in zip(colours, names, strict=True))

    def picture_of_label(self, label: Array, image: Picture) -> Picture:
        """One colour a class, black where ignored."""
        return self._colours[label.astype(np.uint8, copy=False)]

    def picture_of_output(self, output: Tensor, image: Picture) -> Picture:
        """The colour of the class with the largest logit."""
        return self.picture_of_label(output.argmax(0).cpu().numpy(), image)


class SegmentationEvaluator:
    """Mean and single intersections over union, and pixel accuracy, of a split."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._matrix = ConfusionMatrix(len(classes))

    def update(self, output: Tensor, label: Tensor) -> None:
        """Add outputs ``(B, C, H, W)`` and labels ``(B, H, W)``."""
        self._matrix.add(output, label)

    def result(self) -> dict[str, float]:
        """Shares between 0 and 1, higher is better."""
        single = {
            f"iou_{name}": float(iou)
            for name, iou in zip(self._classes, self._matrix.iou(), strict=True)
        }
        return {
            "miou": self._matrix.mean_iou(),
            "pixel_accuracy": self._matrix.accuracy(),
            **single,
        }
