"""What a task is to the rest of the program: labels, loss, metrics and pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.data.source import IGNORE
from nas.resolution import Resolution
from search_spaces.task_spec import TaskSpec

Array = NDArray[np.generic]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number that judges a task: name, unit and which way is better."""

    name: str
    direction: Literal["maximize", "minimize"]
    unit: str


class Evaluator(Protocol):
    """Accumulates predictions over a split, then tells every metric of the task."""

    def update(self, output: Tensor, label: Tensor) -> None:
        """Add a batch: output ``(B, C, H, W)`` as the network gives it, label ``(B, H, W)``."""

    def result(self) -> dict[str, float]:
        """Metric name to value; a metric without a single valid pixel is 0 or the worst value."""


@dataclass(frozen=True, kw_only=True)
class LabelStatistics:
    """What is known of a task's training labels before training starts.

    ``initial_bias`` ``(C,)``: the last layer's bias that predicts the labels' distribution.
    ``class_weights`` ``(C,)`` or None: the loss weight of each class.
    ``constant`` ``(C,)``: the network output of the best constant prediction for the primary
    metric, found on the training labels.
    """

    initial_bias: Tensor
    class_weights: Tensor | None
    constant: Tensor


class Task(ABC):
    """Behaviour of one task. A subclass is one file and one line in ``nas.tasks.kinds``.

    Labels are ``(H, W)`` arrays of ``label_dtype``. ``unlabelled`` is the value of pixels without
    a label: ``IGNORE`` (255) for classes, an impossible value for regressions.
    """

    kind: ClassVar[str]
    label_dtype: ClassVar[type[np.generic]]
    unlabelled: ClassVar[float] = IGNORE
    metrics: ClassVar[tuple[Metric, ...]]
    output_unit: ClassVar[str]

    def __init__(self, spec: TaskSpec) -> None:
        self.spec = spec

    @property
    def primary(self) -> Metric:
        """The metric that Δm is computed from: the first one."""
        return self.metrics[0]

    @abstractmethod
    def check_label(self, label: Array) -> None:
        """Raise ``ValueError`` that says which value is not allowed and which are."""

    @abstractmethod
    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """A label ``(H, W)`` at another resolution, as ``label_dtype``; never invents a value."""

    def flip_label(self, label: Tensor) -> Tensor:
        """Labels ``(B, H, W)`` of horizontally mirrored frames."""
        return label.flip(-1)

    def zoom_label(self, label: Tensor, factor: float) -> Tensor:
        """Label values after the frame was cropped and enlarged by ``factor`` (≥ 1).

        The pixels were already moved; only values that depend on the focal length change.
        """
        return label

    @abstractmethod
    def statistics(self, labels: Iterable[Array]) -> LabelStatistics:
        """What the training labels say, from arrays ``(H, W)`` seen once."""

    @abstractmethod
    def loss(self, output: Tensor, label: Tensor, statistics: LabelStatistics) -> Tensor:
        """Scalar loss ≥ 0 of output ``(B, C, H, W)`` against label ``(B, H, W)``.

        Zero with a zero gradient where the batch holds no labelled pixel.
        """

    @abstractmethod
    def evaluator(self) -> Evaluator:
        """A fresh accumulator of this task's metrics."""

    @abstractmethod
    def picture_of_label(self, label: Array) -> NDArray[np.uint8]:
        """An RGB picture ``(H, W, 3)`` of a label that a person can read."""

    @abstractmethod
    def picture_of_output(self, output: Tensor) -> NDArray[np.uint8]:
        """An RGB picture ``(H, W, 3)`` of one network output ``(C, H, W)``, same colours."""

    def evaluate_constant(
        self, statistics: LabelStatistics, labels: Iterable[Array]
    ) -> Mapping[str, float]:
        """Metrics of the best constant prediction on other labels."""
        evaluator = self.evaluator()
        constant = statistics.constant.view(1, -1, 1, 1)
        for label in labels:
            height, width = label.shape
            evaluator.update(
                constant.expand(1, -1, height, width),
                torch.from_numpy(np.array(label))[None],
            )
        return evaluator.result()
