"""Stixels: per column, where the nearest obstacle meets the ground and how high it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.class_labels import nearest_pixels
from nas.tasks.column_position import decode_rows, peaked_logits, row_divergence
from nas.tasks.overlay import tinted
from nas.tasks.task import Array, Evaluator, LabelStatistics, Metric, Picture, Task
from search_spaces.task_spec import ArchitectureError, TaskSpec

#: Of base and top of a column without an obstacle.
FREE = 2.0
#: Of base and top of a column that nobody labelled.
UNLABELLED = -1.0
#: Base and top of a right column are off by no more than this share of the frame's height.
TOLERANCE = 0.05

#: Bins of the histogram of bases and tops in one tolerance.
_BINS_A_TOLERANCE = 10
_RAREST = 1e-3
_NEAR, _FAR, _NOTHING = (230, 40, 40), (250, 210, 60), (60, 200, 90)
_TINT = 0.5
#: Free columns are marked on this share of the frame's height, at its bottom.
_FREE_MARK = 0.06


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What an output says of each column: all ``(B, w)``, shares of the height from the top."""

    base: Tensor
    top: Tensor
    obstacle: Tensor


def decode_stixels(output: Tensor) -> Columns:
    """Base, top and whether there is an obstacle, from an output ``(B, 3, h, w)``."""
    presence = output[:, 2].float().mean(1)
    return Columns(
        base=decode_rows(output[:, 0]), top=decode_rows(output[:, 1]), obstacle=presence > 0
    )


class Stixels(Task):
    """The nearest obstacle of each column of ``output_stride`` pixels.

    Labels are ``(2, ceil(W/s))`` float32: base and top as shares of the frame's height from its
    top edge; both 2 in a free column, both -1 without a label. Of the output ``(B, 3, h, w)``,
    channel 0 scores the rows for the base, channel 1 for the top, and the mean of channel 2 over
    the rows is the logit of there being an obstacle (``decode_stixels``).

    Metrics: ``column_accuracy``, the share of labelled columns that are right: free ones that are
    called free, and obstacles that are called so with base and top both within 5 % of the
    frame's height; ``base_error`` and ``top_error``, the mean distance in heights over all
    columns with an obstacle, 1 without any.
    """

    kind = "stixels"
    label_dtype = np.float32
    unlabelled = UNLABELLED
    output_unit = "logit"
    pixelwise = False
    metrics = (
        Metric(name="column_accuracy", direction="maximize", unit="share"),
        Metric(name="base_error", direction="minimize", unit="height"),
        Metric(name="top_error", direction="minimize", unit="height"),
    )

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec)
        if spec.channels != 3 or spec.positive or spec.output_stride < 2:
            raise ArchitectureError(
                f"task {spec.name}: {spec.channels} channels, positive={spec.positive}, "
                f"output_stride {spec.output_stride}; kind stixels needs 3 channels (base, top, "
                "presence), positive=False and a stride of 4, 8, 16 or 32"
            )

    @property
    def reading(self) -> str:
        """What the channels are, and what makes stixels of them."""
        return (
            "for every column of cells, logits over the rows of where the nearest obstacle meets "
            "the ground (0) and ends (1); the mean of channel 2 over the rows is the logit that "
            "there is one; `nas.tasks.stixels.decode_stixels` makes stixels of it"
        )

    def label_shape(self, resolution: Resolution) -> tuple[int, ...]:
        """Base and top of every column of cells."""
        return (2, -(-resolution.width // self.spec.output_stride))

    def check_label(self, label: Array) -> None:
        """Allow 0 ≤ top ≤ base ≤ 1 as floats, and the two marks, alike in base and top."""
        if label.ndim != 2 or len(label) != 2 or label.dtype.kind != "f":
            raise ValueError(
                f"the label is {label.dtype} of shape {label.shape}, give base and top of every "
                "column as float32 (2, W)"
            )
        base, top = np.asarray(label, np.float32)
        right = (top >= 0) & (top <= base) & (base <= 1)
        right |= ((base == FREE) | (base == UNLABELLED)) & (top == base)
        if not right.all():
            column = int(np.argmin(right))
            raise ValueError(
                f"the label holds base {base[column]:g} and top {top[column]:g} in column {column}"
                ", allowed are shares of the height with 0 <= top <= base <= 1, both 2 for a free "
                "column and both -1 for no label"
            )

    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """The column under the centre of each column of cells; never a mean of two obstacles."""
        columns = nearest_pixels(label.shape[1], self.label_shape(resolution)[1])
        return label[:, columns].astype(np.float32)

    def crop_label(self, label: Tensor, window: Window) -> Tensor:
        """Columns move as pixels; base and top move and stretch.

        What reaches beyond the window ends at its edge, as labels end at the frame's edge. An
        obstacle that lies beyond it as a whole, or whose base lies above it, leaves its column
        without a label: what is seen there now, nobody labelled.
        """
        moved = label[:, :, window.pixel_columns(label.shape[2])]
        base, top = window.y_of(moved[:, :1]), window.y_of(moved[:, 1:])
        stretched = torch.cat([base, top], dim=1).clamp(0, 1)
        seen = (base > 0) & (top < 1)
        stretched = torch.where(seen, stretched, UNLABELLED)
        return torch.where(_is_obstacle(moved), stretched, moved)

    def statistics(self, labels: Iterable[Array]) -> LabelStatistics:
        """The bias says how often there is an obstacle; the rows begin alike.

        ``constant`` is base, top and the logit of presence of the stixel that, said of every
        column, gives the most right columns of the training labels.
        """
        histogram = StixelHistogram()
        for label in labels:
            histogram.add(label)
        return LabelStatistics(
            initial_bias=torch.tensor([0.0, 0.0, histogram.presence_logit()]),
            weights=None,
            constant=torch.tensor(histogram.best_constant(), dtype=torch.float32),
        )

    def loss(self, output: Tensor, label: Tensor, statistics: LabelStatistics) -> Tensor:
        """Binary cross-entropy of presence, the mean over labelled columns, plus the divergence
        of base and of top over the rows, the mean over columns with an obstacle."""
        scores, label = output.float(), label.float()
        obstacle, labelled = _is_obstacle(label)[:, 0], label[:, 0] != UNLABELLED
        presence = F.binary_cross_entropy_with_logits(
            scores[:, 2].mean(1), obstacle.float(), reduction="none"
        )
        places = [row_divergence(scores[:, i], label[:, i]) for i in (0, 1)]
        return _mean(presence, labelled) + _mean((places[0] + places[1]) / 2, obstacle)

    def evaluator(self) -> Evaluator:
        """A fresh ``StixelEvaluator``."""
        return StixelEvaluator()

    def legend(self) -> tuple[tuple[tuple[int, int, int], str], ...]:
        """Near and far obstacles, free columns."""
        return ((_NEAR, "near obstacle"), (_FAR, "far obstacle"), (_NOTHING, "free"))

    def picture_of_label(self, label: Array, image: Picture) -> Picture:
        """Translucent columns from base to top over the frame, red near (low in the frame) to
        yellow far; free columns have a green foot, unlabelled ones are dark."""
        height, width = image.shape[:2]
        base, top = label.astype(np.float64)[:, np.arange(width) // self.spec.output_stride]
        rows = (np.arange(height)[:, None] + 0.5) / height
        free, unknown = base == FREE, base == UNLABELLED
        colours = np.zeros((height, width, 3), np.uint8)
        colours[:] = _by_distance(base)
        colours[:, free], colours[:, unknown] = _NOTHING, 0
        inside = (rows >= top) & (rows <= base)  # neither of the marks
        inside |= (free & (rows > 1 - _FREE_MARK)) | unknown
        return tinted(image, colours, np.where(inside, _TINT, 0.0))

    def picture_of_output(self, output: Tensor, image: Picture) -> Picture:
        """The decoded columns in the labels' colours."""
        columns = decode_stixels(output[None])
        label = torch.cat([columns.base, torch.minimum(columns.top, columns.base)])
        label = torch.where(columns.obstacle, label, FREE)
        return self.picture_of_label(label.cpu().numpy(), image)

    def constant_output(self, values: Tensor, resolution: Resolution) -> Tensor:
        """Scores with their peaks at one base and one top, and one logit of presence."""
        rows = -(-resolution.height // self.spec.output_stride)
        columns = self.label_shape(resolution)[1]
        base, top = (peaked_logits(values[i].expand(1, columns), rows) for i in (0, 1))
        return torch.stack([base, top, values[2].expand(1, rows, columns)], dim=1)


class StixelEvaluator:
    """Counts right columns and sums errors of base and top over a split."""

    def __init__(self) -> None:
        self._columns = 0
        self._right = 0
        self._obstacles = 0
        self._errors = np.zeros(2, np.float64)

    def update(self, output: Tensor, label: Tensor) -> None:
        """Add outputs ``(B, 3, h, w)`` and labels ``(B, 2, w)``."""
        said = decode_stixels(output)
        label = label.float()
        obstacle, free = _is_obstacle(label)[:, 0], label[:, 0] == FREE
        errors = (torch.stack([said.base, said.top], dim=1) - label).abs()
        close = (errors <= TOLERANCE).all(1)
        right = (free & ~said.obstacle) | (obstacle & said.obstacle & close)
        self._columns += int((free | obstacle).sum())
        self._right += int(right.sum())
        self._obstacles += int(obstacle.sum())
        self._errors += (errors * obstacle[:, None]).double().sum((0, 2)).cpu().numpy()

    def result(self) -> dict[str, float]:
        """Metric name to value; ``column_accuracy`` higher, the others lower is better."""
        base, top = self._errors / self._obstacles if self._obstacles else (1.0, 1.0)
        return {
            "column_accuracy": self._right / max(1, self._columns),
            "base_error": float(base),
            "top_error": float(top),
        }


class StixelHistogram:
    """How often columns are free, and where obstacles stand, in bins of a tenth tolerance."""

    def __init__(self) -> None:
        self._bin = TOLERANCE / _BINS_A_TOLERANCE
        self._bins = round(1 / self._bin) + 1  # the last one for 1 itself
        self._counts: NDArray[np.int64] = np.zeros((self._bins, self._bins), np.int64)
        self._free = 0

    def add(self, label: Array) -> None:
        """Count the columns of one label ``(2, w)``."""
        places = label.astype(np.float64)
        self._free += int((places[0] == FREE).sum())
        bins = (places[:, (places[0] >= 0) & (places[0] <= 1)] / self._bin).astype(np.intp)
        np.add.at(self._counts, tuple(np.minimum(bins, self._bins - 1)), 1)

    def presence_logit(self) -> float:
        """Log odds of an obstacle among labelled columns, at most 1,000 to 1; 0 without any."""
        obstacles = int(self._counts.sum())
        columns = obstacles + self._free
        share = obstacles / columns if columns else 0.5
        share = min(max(share, _RAREST), 1 - _RAREST)
        return float(np.log(share / (1 - share)))

    def best_constant(self) -> tuple[float, float, float]:
        """Base, top and a logit of ±1 for what is right in the most columns."""
        side = 2 * _BINS_A_TOLERANCE
        sums = np.pad(np.pad(self._counts, side).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side]
        inside += sums[:-side, :-side]  # columns whose base and top are in a square of tolerances
        base, top = (
            float(np.clip((first - side) * self._bin + TOLERANCE, 0, 1))
            for first in np.unravel_index(int(inside.argmax()), inside.shape)
        )
        return base, top, 1.0 if inside.max() > self._free else -1.0


def _is_obstacle(label: Tensor) -> Tensor:
    """Columns ``(B, 1, w)`` of labels ``(B, 2, w)`` that hold a base and a top."""
    return (label[:, :1] >= 0) & (label[:, :1] <= 1)


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    """Mean of those that count; 0 with a zero gradient without any."""
    return (values * counted).sum() / counted.sum().clamp(min=1)


def _by_distance(base: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours ``(W, 3)`` of obstacles by their base: what stands near is low in the frame."""
    nearness = np.clip(2 * base - 1, 0, 1)[:, None]
    return np.rint(np.array(_FAR) * (1 - nearness) + np.array(_NEAR) * nearness).astype(np.uint8)
