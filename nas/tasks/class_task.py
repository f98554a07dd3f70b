"""What tasks of classes have in common, whether a class is of a pixel, a tile or a frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nas.data.source import IGNORE
from nas.tasks.class_labels import class_shares, damped_weights, log_prior, one_hot
from nas.tasks.palette import class_colours
from nas.tasks.task import LabelStatistics, Task
from search_spaces.task_spec import ArchitectureError, TaskSpec


class ClassTask(Task):
    """One of a list of classes. Labels are uint8, 255 for none; the output is a logit a class."""

    label_dtype = np.uint8
    output_unit = "logit"
    #: Mild: what is 1 % of the labels weighs 2.3 times what is 30 % of them.
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

    def statistics(self, labels: Iterable[NDArray[np.generic]]) -> LabelStatistics:
        """Log shares as bias, damped inverse shares as weights, the best class as constant."""
        shares = class_shares(labels, len(self.classes))
        return LabelStatistics(
            initial_bias=log_prior(shares),
            weights=damped_weights(shares, self.weight_exponent, self.largest_weight),
            constant=one_hot(self._best_constant(shares), len(self.classes)),
        )

    def _best_constant(self, shares: NDArray[np.float64]) -> int:
        """The most frequent class: its share is its accuracy and its IoU, all others' are 0."""
        return int(shares.argmax())

    def loss(self, output: Tensor, label: Tensor, statistics: LabelStatistics) -> Tensor:
        """Cross-entropy in nats, the weighted mean over what is labelled."""
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

    def legend(self) -> tuple[tuple[tuple[int, int, int], str], ...]:
        """Every class, and black for no label."""
        values = (*range(len(self.classes)), IGNORE)
        colours = self._colours[np.array(values, np.uint8)].tolist()
        names = (*self.classes, "no label")
        return tuple(((c[0], c[1], c[2]), n) for c, n in zip(colours, names, strict=True))
