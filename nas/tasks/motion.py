"""Motion segmentation: which pixels belong to something that moves by itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nas.tasks.confusion import ConfusionMatrix
from nas.tasks.segmentation import Segmentation
from nas.tasks.task import Evaluator, Metric
from search_spaces.default_tasks import MOTION_CLASSES
from search_spaces.task_spec import ArchitectureError, TaskSpec


class Motion(Segmentation):
    """Static (0) or moving (1) pixels; a parked car is static.

    Metrics: ``iou_moving``, and ``miou`` over both classes. Moving pixels are a few percent, so
    classes are weighted by the square root of inverse frequency: at 3 % a moving pixel weighs 5.7
    times a static one, which is best for the IoU of a network that reaches an IoU of about 0.2
    (see ``damped_weights``).
    """

    kind = "motion"
    metrics = (
        Metric(name="iou_moving", direction="maximize", unit="share"),
        Metric(name="miou", direction="maximize", unit="share"),
    )
    weight_exponent = 0.5

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec)
        if self.spec.channels != len(MOTION_CLASSES):
            raise ArchitectureError(
                f"task {spec.name}: {spec.channels} channels, kind motion needs 2: static, moving"
            )

    def _best_constant(self, shares: NDArray[np.float64]) -> int:
        """All moving: its IoU is the share of moving pixels, all static has 0."""
        return 1

    def evaluator(self) -> Evaluator:
        """A fresh ``MotionEvaluator``."""
        return MotionEvaluator()


class MotionEvaluator:
    """Intersection over union of moving pixels, and its mean with that of static ones."""

    def __init__(self) -> None:
        self._matrix = ConfusionMatrix(len(MOTION_CLASSES))

    def update(self, output: Tensor, label: Tensor) -> None:
        """Add outputs ``(B, 2, H, W)`` and labels ``(B, H, W)``."""
        self._matrix.add(output, label)

    def result(self) -> dict[str, float]:
        """Shares between 0 and 1, higher is better."""
        return {
            "iou_moving": float(self._matrix.iou()[1]),
            "miou": self._matrix.mean_iou(),
        }
