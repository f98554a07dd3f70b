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
from nas.data.window import Window
from nas.resolution import Resolution
from search_spaces.task_spec import TaskSpec

Array = NDArray[np.generic]
#: ``(H, W, 3)`` RGB.
Picture = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number that judges a task: name, unit and which way is better."""

    name: str
    direction: Literal["maximize", "minimize"]
    unit: str


class Evaluator(Protocol):
    """Accumulates predictions over a split, then tells every metric of the task."""

    def update(self, output: Tensor, label: Tensor) -> None:
        """Add a batch: outputs as the network gives them, labels ``(B, …)``.

        Batches come in the order of the split's frames.
        """

    def result(self) -> dict[str, float]:
        """Metric name to value; a metric without a single valid pixel is 0 or the worst value."""


@dataclass(frozen=True, kw_only=True)
class LabelStatistics:
    """What is known of a task's training labels before training starts.

    ``initial_bias`` ``(C,)``: the last layer's bias that predicts the labels' distribution.
    ``weights`` ``(C,)`` or None: the loss weight of each class or component.
    ``constant`` ``(C,)``: the network output of the best constant prediction for the primary
    metric, found on the training labels.
    """

    initial_bias: Tensor
    weights: Tensor | None
    constant: Tensor


class Task(ABC):
    """Behaviour of one task. A subclass is one file and one line in ``nas.tasks.kinds``.

    Labels are arrays of ``label_dtype``. Those of a ``pixelwise`` task come as ``(H, W)`` of the
    image's size, others in a shape of their own; ``resize_label`` makes ``label_shape`` of them.
    ``unlabelled`` is the value of what has no label: ``IGNORE`` (255) for classes, an impossible
    value for regressions. The network's outputs are ``(B, C, H, W)`` by pixel or cell, or
    ``(B, C)`` by frame (``TaskSpec.output_stride``).
    """

    kind: ClassVar[str]
    label_dtype: ClassVar[type[np.generic]]
    unlabelled: ClassVar[float] = IGNORE
    metrics: ClassVar[tuple[Metric, ...]]
    output_unit: ClassVar[str]
    pixelwise: ClassVar[bool] = True

    def __init__(self, spec: TaskSpec) -> None:
        self.spec = spec

    @property
    def primary(self) -> Metric:
        """The metric that Δm is computed from: the first one."""
        return self.metrics[0]

    @property
    def reading(self) -> str:
        """How the output is read, in one line for the README of an exported network."""
        if self.spec.classes:
            return f"{self.output_unit} of each class; the largest wins"
        return f"{self.spec.kind}, unit: {self.output_unit}"

    def label_shape(self, resolution: Resolution) -> tuple[int, ...]:
        """Shape of a label at a resolution, as ``resize_label`` gives it."""
        return (resolution.height, resolution.width)

    @abstractmethod
    def check_label(self, label: Array) -> None:
        """Raise ``ValueError`` that says which value is not allowed and which are."""

    @abstractmethod
    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """A source's label at another resolution, as ``label_dtype``; never invents a value."""

    def flip_label(self, label: Tensor) -> Tensor:
        """Labels ``(B, …)`` of horizontally mirrored frames."""
        return label.flip(-1)

    def crop_label(self, label: Tensor, window: Window) -> Tensor:
        """Labels ``(B, …)`` of frames of which a window was enlarged to the whole frame.

        Here: pixels move with their image. Values that depend on the focal length, or on where
        something is seen, change as well.
        """
        return label[:, window.pixel_rows()][:, :, window.pixel_columns()]

    @abstractmethod
    def statistics(self, labels: Iterable[Array]) -> LabelStatistics:
        """What the training labels say, from arrays of ``label_shape`` seen once."""

    @abstractmethod
    def loss(self, output: Tensor, label: Tensor, statistics: LabelStatistics) -> Tensor:
        """Scalar loss ≥ 0 of the network's output against labels ``(B, …)``.

        Zero with a zero gradient where nothing in the batch is labelled.
        """

    @abstractmethod
    def evaluator(self) -> Evaluator:
        """A fresh accumulator of this task's metrics."""

    def legend(self) -> tuple[tuple[tuple[int, int, int], str], ...]:
        """Colour and meaning of what the pictures paint; empty where they explain themselves."""
        return ()

    @abstractmethod
    def picture_of_label(self, label: Array, image: Picture) -> Picture:
        """A picture ``(H, W, 3)`` of a label that a person can read.

        ``image`` is the frame, of the same size: labels that are no maps are drawn over it.
        """

    @abstractmethod
    def picture_of_output(self, output: Tensor, image: Picture) -> Picture:
        """A picture ``(H, W, 3)`` of one network output without its batch, in the same manner."""

    def evaluate_constant(
        self, statistics: LabelStatistics, labels: Iterable[Array], resolution: Resolution
    ) -> Mapping[str, float]:
        """Metrics of the best constant prediction on other labels of frames of a resolution."""
        evaluator = self.evaluator()
        output = self.constant_output(statistics.constant, resolution)
        for label in labels:
            evaluator.update(output, torch.from_numpy(np.array(label))[None])
        return evaluator.result()

    def constant_like(self, statistics: LabelStatistics, output: Tensor) -> Tensor:
        """The best constant prediction in the shape of an output of the network."""
        trailing = [1] * (output.ndim - 2)
        return statistics.constant.to(output).view(1, -1, *trailing).expand_as(output)

    def unordered(self, label: Tensor) -> Tensor:
        """Labels ``(B, …)`` of frames that do not follow each other, as a batch draws them."""
        return label

    def constant_output(self, values: Tensor, resolution: Resolution) -> Tensor:
        """An output of batch 1 that says the same ``(C,)`` everywhere."""
        stride = self.spec.output_stride
        if not stride:
            return values[None]
        rows, columns = -(-resolution.height // stride), -(-resolution.width // stride)
        return values.view(1, -1, 1, 1).expand(1, -1, rows, columns)
