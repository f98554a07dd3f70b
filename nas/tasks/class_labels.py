"""Label images of classes: what is allowed in them, how they resize, how often classes occur."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.data.source import IGNORE
from nas.resolution import Resolution

Array = NDArray[np.generic]

#: A class that never occurs gets the bias of one that fills 0.01 % of the pixels.
_RAREST = 1e-4


def check_classes(label: Array, classes: tuple[str, ...], *, of_pixels: bool = True) -> None:
    """Raise ``ValueError`` that names the value which is neither a class nor ``IGNORE``.

    Labels of pixels are ``(H, W)``, a frame's own class is an array without dimensions.
    """
    if label.ndim != (2 if of_pixels else 0) or label.dtype.kind not in "ui":
        wanted = "integer classes (H, W)" if of_pixels else "one integer class, as a 0-d array"
        raise ValueError(f"the label is {label.dtype} of shape {label.shape}, give {wanted}")
    bad = np.asarray((label < 0) | (label >= len(classes)))  # type: ignore[operator]
    bad &= label != IGNORE
    if bad.any():
        raise ValueError(
            f"the label holds the value {label[bad][0]}, "
            f"allowed are 0 to {len(classes) - 1} ({', '.join(classes)}) and {IGNORE} for no label"
        )


def nearest_pixels(side: int, wanted: int) -> NDArray[np.intp]:
    """Index of the source pixel under the centre of each of ``wanted`` pixels, ``(wanted,)``."""
    return ((2 * np.arange(wanted) + 1) * side // (2 * wanted)).astype(np.intp)


def resize_classes(label: Array, resolution: Resolution) -> NDArray[np.uint8]:
    """The class under the centre of every new pixel, uint8.

    Nearest, not the most frequent class of a cell: a vote would erase poles and distant
    pedestrians, whereas sampling keeps the share of every class.
    """
    height, width = label.shape
    rows = nearest_pixels(height, resolution.height)
    columns = nearest_pixels(width, resolution.width)
    return label[rows[:, None], columns].astype(np.uint8)


def class_shares(labels: Iterable[Array], classes: int) -> NDArray[np.float64]:
    """Share of labelled pixels of each class, ``(C,)``, in one pass; equal without any pixel."""
    counts = np.zeros(IGNORE + 1, np.int64)
    for label in labels:
        counts += np.bincount(np.ravel(label).astype(np.uint8, copy=False), minlength=IGNORE + 1)
    labelled = counts[:classes]
    if not labelled.any():
        return np.full(classes, 1 / classes)
    return np.asarray(labelled / labelled.sum(), np.float64)


def log_prior(shares: NDArray[np.float64]) -> Tensor:
    """The logits ``(C,)`` whose softmax is the classes' shares, rare ones lifted to 0.01 %."""
    return torch.from_numpy(np.log(np.maximum(shares, _RAREST))).float()


def damped_weights(shares: NDArray[np.float64], exponent: float, largest: float) -> Tensor:
    """Loss weights ``(C,)`` proportional to ``share ** -exponent``, their mean over pixels 1.

    Exponent 1 is inverse frequency, 0 is no weighting. No class weighs more than ``largest``
    times the most frequent one, so that a class of a few pixels cannot rule the loss.

    Why damped: weighting a class by r moves the decision from a probability of 1/2 to 1/(1 + r),
    while F1, and with it IoU, is best at half the F1 that is reachable (Lipton, Elkan and
    Naryanaswamy, arXiv:1402.1892): r between 2 and 6 for F1 between 0.65 and 0.3. Inverse
    frequency at 3 % of the pixels would be r = 32 and paint everything around an object.
    """
    frequent = shares.max()
    ratio = (frequent / np.maximum(shares, _RAREST)) ** exponent
    weights = np.minimum(ratio, largest)
    return torch.from_numpy(weights / (weights * shares).sum()).float()


def one_hot(index: int, classes: int) -> Tensor:
    """The output ``(C,)`` of a network that predicts one class everywhere."""
    return torch.nn.functional.one_hot(torch.tensor(index), classes).float()
