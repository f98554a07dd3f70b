"""Classification of whole frames: the kind of scene, the weather, dirt on the lens."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from nas.data.source import IGNORE
from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.class_labels import check_classes
from nas.tasks.class_task import ClassTask
from nas.tasks.confusion import ConfusionMatrix
from nas.tasks.overlay import titled
from nas.tasks.task import Array, Evaluator, Metric, Picture
from search_spaces.task_spec import ArchitectureError, TaskSpec


class Classification(ClassTask):
    """One class a frame, for any list of classes. The label is a uint8 without dimensions.

    Metrics: ``balanced_accuracy``, the mean recall over the classes that occur in the labels,
    since a network that always says "clean" is right most of the time; ``accuracy``; and in the
    result ``recall_<class>`` of every class (higher is better, 0 for one that does not occur).
    Any constant has the same balanced accuracy; the best one is the most frequent class.

    Mirrored and enlarged frames keep their class. A window keeps most of its frame (its sides are
    1/1.3 or more), so what tells the class rarely leaves it.
    """

    kind = "classification"
    pixelwise = False
    metrics = (
        Metric(name="balanced_accuracy", direction="maximize", unit="share"),
        Metric(name="accuracy", direction="maximize", unit="share"),
    )
    #: Inverse frequency: balanced accuracy counts every class alike. With the root of it, 1,200
    #: samples of the embedded world left soiling at 0.34 (always "clean": 0.33), this at 0.47.
    weight_exponent = 1.0

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec)
        if spec.output_stride != 0:
            raise ArchitectureError(
                f"task {spec.name}: output_stride is {spec.output_stride}, kind {self.kind} "
                "needs 0, one vector a frame"
            )

    def label_shape(self, resolution: Resolution) -> tuple[int, ...]:
        """No dimensions: one class."""
        return ()

    def check_label(self, label: Array) -> None:
        """Allow the numbers of the classes, from 0, and ``IGNORE``."""
        check_classes(label, self.classes, of_pixels=False)

    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """The class, at any resolution."""
        return label.astype(np.uint8)

    def flip_label(self, label: Tensor) -> Tensor:
        """The class of a mirrored frame is the same."""
        return label

    def crop_label(self, label: Tensor, window: Window) -> Tensor:
        """The class of a frame's larger part is that of the frame."""
        return label

    def evaluator(self) -> Evaluator:
        """A fresh ``RecallEvaluator``."""
        return RecallEvaluator(self.classes)

    def picture_of_label(self, label: Array, image: Picture) -> Picture:
        """The frame under a strip with the class's name on its colour, black without one."""
        value = int(label)
        name = "no label" if value == IGNORE else self.classes[value]
        red, green, blue = self._colours[value].tolist()
        return titled(image, name, (red, green, blue))

    def picture_of_output(self, output: Tensor, image: Picture) -> Picture:
        """The name of the class with the largest logit."""
        return self.picture_of_label(np.array(int(output.argmax(0)), np.uint8), image)


class RecallEvaluator:
    """Balanced accuracy, accuracy and single recalls of a split, of frames or of tiles."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._matrix = ConfusionMatrix(len(classes))

    def update(self, output: Tensor, label: Tensor) -> None:
        """Add outputs ``(B, C, …)`` and labels ``(B, …)``."""
        self._matrix.add(output, label)

    def result(self) -> dict[str, float]:
        """Shares between 0 and 1, higher is better."""
        recalls = zip(self._classes, self._matrix.recall(), strict=True)
        return {
            "balanced_accuracy": self._matrix.balanced_accuracy(),
            "accuracy": self._matrix.accuracy(),
            **{f"recall_{name}": float(recall) for name, recall in recalls},
        }
