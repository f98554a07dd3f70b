"""The confusion matrix of a split, and the overlaps, recalls and accuracies that it gives."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.data.source import IGNORE


class ConfusionMatrix:
    """Counts pixels, tiles or frames by labelled class (row) and predicted class (column);
    ignored ones are left out."""

    def __init__(self, classes: int) -> None:
        self.counts: NDArray[np.int64] = np.zeros((classes, classes), np.int64)

    def add(self, output: Tensor, label: Tensor) -> None:
        """Count the largest logits of an output ``(B, C, …)`` against labels ``(B, …)``."""
        classes = len(self.counts)
        predicted = output.max(1).indices  # argmax gives the same and takes 5 times as long
        # Ignored pixels are counted in a row of their own, which is cheaper than masking them out.
        pairs = (label.long() * classes).add_(predicted).flatten()
        counts = torch.bincount(pairs, minlength=(IGNORE + 1) * classes)
        self.counts += counts.view(IGNORE + 1, classes)[:classes].cpu().numpy()

    @property
    def intersection(self) -> NDArray[np.int64]:
        """Correctly predicted pixels of each class, ``(C,)``."""
        return np.diagonal(self.counts)

    @property
    def union(self) -> NDArray[np.int64]:
        """Pixels of each class in the label, in the prediction, or in both, ``(C,)``."""
        rows = np.sum(self.counts, axis=1, dtype=np.int64)
        columns = np.sum(self.counts, axis=0, dtype=np.int64)
        return np.asarray(rows + columns - self.intersection, np.int64)

    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each class, ``(C,)``; 0 for a class with an empty union."""
        return np.asarray(self.intersection / np.maximum(self.union, 1), np.float64)

    def mean_iou(self) -> float:
        """Mean over the classes that occur in the label or in the prediction; 0 without any.

        A class that is predicted but never labelled counts as 0; one that is neither is left out.
        """
        present = self.union > 0
        return float(self.iou()[present].mean()) if present.any() else 0.0

    def accuracy(self) -> float:
        """Share of correctly predicted pixels; 0 without any pixel."""
        total = int(self.counts.sum())
        return float(self.intersection.sum() / total) if total else 0.0

    def recall(self) -> NDArray[np.float64]:
        """Share of each class's labels that were found, ``(C,)``; 0 for a class without any."""
        labelled = self.counts.sum(axis=1)
        return np.asarray(self.intersection / np.maximum(labelled, 1), np.float64)

    def balanced_accuracy(self) -> float:
        """Mean recall over the classes that occur in the label; 0 without any."""
        present = self.counts.sum(axis=1) > 0
        return float(self.recall()[present].mean()) if present.any() else 0.0
