"""Semantic segmentation: one class a pixel, cross-entropy, mean intersection over union."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from nas.resolution import Resolution
from nas.tasks.class_labels import check_classes, resize_classes
from nas.tasks.class_task import ClassTask
from nas.tasks.confusion import ConfusionMatrix
from nas.tasks.task import Array, Evaluator, Metric, Picture


class Segmentation(ClassTask):
    """Classes by pixel, for any list of classes. The output is one logit a class.

    Metrics: ``miou`` over the classes that occur in the label or in the prediction of the split,
    ``pixel_accuracy``, and ``iou_<class>`` for every class, 0 where it occurs in neither (higher
    is better; they stand in the result only, for they depend on the class list).
    """

    kind = "segmentation"
    metrics = (
        Metric(name="miou", direction="maximize", unit="share"),
        Metric(name="pixel_accuracy", direction="maximize", unit="share"),
    )

    def check_label(self, label: Array) -> None:
        """Allow the numbers of the classes, from 0, and ``IGNORE``."""
        check_classes(label, self.classes)

    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """The class under the centre of every new pixel."""
        return resize_classes(label, resolution)

    def evaluator(self) -> Evaluator:
        """A fresh ``SegmentationEvaluator``."""
        return SegmentationEvaluator(self.classes)

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
