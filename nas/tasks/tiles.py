"""Classes of tiles, a coarse grid over the frame, as for dirt on a lens."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.data.source import IGNORE
from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.class_labels import check_classes, resize_classes
from nas.tasks.class_task import ClassTask
from nas.tasks.classification import RecallEvaluator
from nas.tasks.overlay import tinted
from nas.tasks.task import Array, Evaluator, Metric, Picture
from search_spaces.task_spec import ArchitectureError, TaskSpec

#: A tile has the worst class that, with all that are worse, covers this share of its labelled
#: pixels: dirt on a fifth of a tile is enough to clean for, a speck is not.
WORST_SHARE = 0.2
#: A tile of which less than this share of its pixels is labelled has no label.
LABELLED_SHARE = 0.5
_TINT = 0.5


class Tiles(ClassTask):
    """One class a tile of ``output_stride`` pixels a side; classes go from harmless to worst.

    A source labels pixels, ``(H, W)`` uint8; tiles are made of them, ``(ceil(H/s), ceil(W/s))``.

    Metrics over tiles: ``balanced_accuracy``, the mean recall over the classes that occur in the
    labels, ``accuracy``, and in the result ``recall_<class>`` of every class.
    """

    kind = "tiles"
    metrics = (
        Metric(name="balanced_accuracy", direction="maximize", unit="share"),
        Metric(name="accuracy", direction="maximize", unit="share"),
    )
    #: Inverse frequency, as of whole frames: most tiles are clean.
    weight_exponent = 1.0

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec)
        if spec.output_stride < 2:
            raise ArchitectureError(
                f"task {spec.name}: output_stride is {spec.output_stride}, kind {self.kind} "
                "needs 4, 8, 16 or 32, the side of a tile in pixels"
            )

    def label_shape(self, resolution: Resolution) -> tuple[int, ...]:
        """Rows and columns of tiles; the last ones may be cut off by the frame's edge."""
        stride = self.spec.output_stride
        return (-(-resolution.height // stride), -(-resolution.width // stride))

    def check_label(self, label: Array) -> None:
        """Allow the numbers of the classes, from 0, and ``IGNORE``, by pixel."""
        check_classes(label, self.classes)

    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """The worst class that covers a fifth of a tile; none where most of it has no label."""
        pixels = resize_classes(label, resolution)
        labelled = self._pixels_a_tile(pixels != IGNORE)
        tiles = np.zeros(labelled.shape, np.uint8)
        for value in range(1, len(self.classes)):
            worse = self._pixels_a_tile((pixels >= value) & (pixels != IGNORE))
            tiles[worse >= WORST_SHARE * labelled] = value
        everything = self._pixels_a_tile(np.ones(pixels.shape, np.bool_))
        tiles[labelled < LABELLED_SHARE * everything] = IGNORE
        return tiles

    def _pixels_a_tile(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many pixels of a mask ``(H, W)`` are set in each tile."""
        rows, columns = (np.arange(0, side, self.spec.output_stride) for side in mask.shape)
        counts = np.add.reduceat(mask.astype(np.int64), rows, axis=0)
        return np.add.reduceat(counts, columns, axis=1)

    def crop_label(self, label: Tensor, window: Window) -> Tensor:
        """The class of the tile under the centre of each new tile.

        Window edges fall inside tiles, and a part of a tile may be cleaner or dirtier than the
        tile. No rule is exact on a coarse grid; this one is unbiased and keeps every label.
        """
        stride = self.spec.output_stride
        rows = _tiles_under_centres(window.top, window.rows, window.height, stride)
        columns = _tiles_under_centres(window.left, window.columns, window.width, stride)
        return label[:, rows][:, :, columns]

    def evaluator(self) -> Evaluator:
        """A fresh ``RecallEvaluator`` of tiles."""
        return RecallEvaluator(self.classes)

    def picture_of_label(self, label: Array, image: Picture) -> Picture:
        """The frame under its tiles' colours; tiles without a label are dark."""
        height, width = image.shape[:2]
        stride = self.spec.output_stride
        rows, columns = np.arange(height) // stride, np.arange(width) // stride
        colours = self._colours[label.astype(np.uint8, copy=False)][rows[:, None], columns]
        return tinted(image, colours, np.full((height, width), _TINT))

    def picture_of_output(self, output: Tensor, image: Picture) -> Picture:
        """The class with the largest logit of every tile."""
        return self.picture_of_label(output.argmax(0).cpu().numpy(), image)


def _tiles_under_centres(start: int, length: int, side: int, stride: int) -> Tensor:
    """Which tile of a side lies under the centre of each tile of a stretch of it."""
    first = torch.arange(0, side, stride, dtype=torch.float64)
    centres = (first + (first + stride).clamp(max=side)) / 2
    return (start + centres * length / side).long() // stride
