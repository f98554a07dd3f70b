"""Frames at the resolution that networks train at: checked, resized, channels first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.source import DataError, Frame
from nas.resolution import Resolution
from nas.tasks.task import Array, Task


@dataclass(frozen=True, kw_only=True)
class FittedFrame:
    """One frame as networks see it.

    ``streams`` is ``(S, 3, H, W)`` uint8 RGB: the current frame, then the previous one. ``labels``
    holds one array of the task's type and ``label_shape`` by name, for the tasks labelled here.
    """

    streams: NDArray[np.uint8]
    labels: Mapping[str, Array]


def fit_frame(
    frame: Frame, tasks: Mapping[str, Task], resolution: Resolution, *, streams: int, where: str
) -> FittedFrame:
    """Check a frame and bring image and labels to ``resolution``, squeezed where the aspect ratio
    differs.

    With two streams and no previous frame, the current one stands in for it. Labels of tasks that
    are not asked for are left out. ``where`` names the frame in errors (``DataError``).
    """
    _check_image(frame.image, "image", where)
    images = [frame.image]
    if streams == 2:
        images.append(frame.image if frame.previous is None else frame.previous)
        _check_image(images[1], "previous", where)
        _check_same_size(images[1], frame.image, "previous", where)
    labels = {name: frame.labels[name] for name in tasks if name in frame.labels}
    for name, label in labels.items():
        _check_label(label, tasks[name], frame.image, where)
    return FittedFrame(
        streams=np.stack([resize_image(image, resolution) for image in images]),
        labels={n: tasks[n].resize_label(label, resolution) for n, label in labels.items()},
    )


def resize_image(image: NDArray[np.uint8], resolution: Resolution) -> NDArray[np.uint8]:
    """An image ``(H, W, 3)`` at another size, channels first ``(3, H', W')``.

    Smaller by the mean over each new pixel's area, which neither aliases nor rings; larger in
    either direction by linear interpolation.
    """
    height, width, _ = image.shape
    if (width, height) != (resolution.width, resolution.height):
        smaller = resolution.width <= width and resolution.height <= height
        method = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
        size = (resolution.width, resolution.height)
        image = np.asarray(Image.fromarray(image).resize(size, method))
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def _check_image(image: NDArray[np.uint8], field: str, where: str) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise DataError(
            f"{where}: {field} is {image.dtype} of shape {image.shape}, give uint8 RGB (H, W, 3)"
        )


def _check_label(label: Array, task: Task, image: Array, where: str) -> None:
    try:
        task.check_label(label)
    except ValueError as error:
        raise DataError(f"{where}: task {task.spec.name}: {error}") from error
    if task.pixelwise:
        _check_same_size(label, image, f"label {task.spec.name}", where)


def _check_same_size(array: Array, image: Array, field: str, where: str) -> None:
    if array.shape[:2] != image.shape[:2]:
        raise DataError(
            f"{where}: {field} has {array.shape[1]}x{array.shape[0]} pixels, its image "
            f"{image.shape[1]}x{image.shape[0]}; both must be of one size"
        )
