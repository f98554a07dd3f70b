"""Depth along the camera axis in metres, learned and judged by ratios."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.class_labels import nearest_pixels
from nas.tasks.task import Array, Evaluator, LabelStatistics, Metric, Picture, Task
from search_spaces.task_spec import ArchitectureError, TaskSpec

#: Depth is learned and judged between these; nearer is the own bonnet, farther LiDAR is silent.
NEAREST_M = 1.0
FARTHEST_M = 80.0
#: The threshold of the primary metric (Eigen, Puhrsch and Fergus, arXiv:1406.2283, section 4).
RATIO = 1.25

#: Bins of log depth in one half of the window of ratios under ``RATIO``.
_HALF_WINDOW = 200


class Depth(Task):
    """Metres by pixel. Labels are float32, 0 where there is none (sky, no return).

    The output is metres too: the network ends in an exponential. Loss and bias live in log depth,
    since the metric judges ratios and errors in metres would let the far pixels rule. Only
    labels between 1 and 80 m count, in the loss as in the metrics.

    Metrics: ``delta_1_25``, the share of pixels with max(ratio, 1/ratio) < 1.25; ``abs_rel`` and
    ``rmse_m``, both with predictions clamped to 1–80 m and with their worst value, 79, where
    there is no pixel.
    """

    kind = "depth"
    label_dtype = np.float32
    unlabelled = 0.0
    output_unit = "metre"
    metrics = (
        Metric(name="delta_1_25", direction="maximize", unit="share"),
        Metric(name="abs_rel", direction="minimize", unit="share"),
        Metric(name="rmse_m", direction="minimize", unit="metre"),
    )
    #: Where Huber's loss turns from square to linear, in log depth: at the metric's threshold.
    huber_delta: ClassVar[float] = math.log(RATIO)

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec)
        if spec.channels != 1 or not spec.positive:
            raise ArchitectureError(
                f"task {spec.name}: {spec.channels} channels, positive={spec.positive}; "
                "kind depth needs 1 channel and positive=True"
            )

    def check_label(self, label: Array) -> None:
        """Allow finite metres from 0, as floats: integers are most likely still scaled."""
        if label.ndim != 2 or label.dtype.kind != "f":
            raise ValueError(
                f"the label is {label.dtype} of shape {label.shape}, give metres as float32 (H, W)"
            )
        metres = np.asarray(label, np.float32)
        bad = ~(np.isfinite(metres) & (metres >= 0))
        if bad.any():
            raise ValueError(
                f"the label holds the depth {metres[bad][0]} m, allowed are finite metres, "
                "and 0 for no depth"
            )

    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """The depth under the centre of a new pixel; where that has none, the smallest one in
        the pixel's cell, so that sparse LiDAR survives. Never a mean: halfway between an object
        and what is behind it there is nothing."""
        height, width = label.shape
        rows = nearest_pixels(height, resolution.height)
        columns = nearest_pixels(width, resolution.width)
        centre = label[rows[:, None], columns].astype(np.float32)
        return np.where(centre > 0, centre, _smallest_in_cell(label, resolution))

    def crop_label(self, label: Tensor, window: Window) -> Tensor:
        """Nearer by the zoom: a longer focal length shows the same as standing closer."""
        return super().crop_label(label, window) / window.vertical_zoom

    def statistics(self, labels: Iterable[Array]) -> LabelStatistics:
        """``initial_bias`` is the mean log depth, before the exponential; ``constant`` the metres
        within whose ratio of 1.25 most training pixels lie."""
        histogram = LogDepthHistogram()
        for label in labels:
            histogram.add(label)
        return LabelStatistics(
            initial_bias=torch.tensor([histogram.mean()], dtype=torch.float32),
            weights=None,
            constant=torch.tensor([math.exp(histogram.best_centre())], dtype=torch.float32),
        )

    def loss(self, output: Tensor, label: Tensor, statistics: LabelStatistics) -> Tensor:
        """Huber's loss of the log ratio over its delta, the mean over pixels of 1–80 m: about
        the mean absolute log ratio."""
        valid = _in_range(label)
        log_output = output[:, 0].float().clamp(1e-6, 1e9).log()
        log_label = torch.where(valid, label, 1.0).float().log()
        error = F.huber_loss(log_output, log_label, reduction="none", delta=self.huber_delta)
        return (error * valid).sum() / (self.huber_delta * valid.sum().clamp(min=1))

    def evaluator(self) -> Evaluator:
        """A fresh ``DepthEvaluator``."""
        return DepthEvaluator()

    def picture_of_label(self, label: Array, image: Picture) -> Picture:
        """Near is bright yellow, far is dark blue, on a logarithmic scale; black is no depth."""
        metres = label.astype(np.float32)
        clipped = np.clip(metres, NEAREST_M, FARTHEST_M)
        nearness = 1 - np.log(clipped / NEAREST_M) / math.log(FARTHEST_M / NEAREST_M)
        colours = _colours()[np.rint(nearness * 255).astype(np.uint8)]
        return np.where(metres[..., None] > 0, colours, 0).astype(np.uint8)

    def picture_of_output(self, output: Tensor, image: Picture) -> Picture:
        """The metres of the one channel, in the labels' colours."""
        return self.picture_of_label(output[0].float().cpu().numpy(), image)


class DepthEvaluator:
    """Sums of errors over all pixels of a split whose label lies between 1 and 80 m."""

    def __init__(self) -> None:
        self._pixels = 0
        self._close = 0
        self._relative = 0.0
        self._square = 0.0

    def update(self, output: Tensor, label: Tensor) -> None:
        """Add outputs ``(B, 1, H, W)`` and labels ``(B, H, W)``, both in metres."""
        valid = _in_range(label)
        truth = label[valid].double()
        guess = output[:, 0][valid].double().nan_to_num(nan=0.0)
        self._pixels += truth.numel()
        self._close += int((torch.maximum(guess / truth, truth / guess) < RATIO).sum())
        error = guess.clamp(NEAREST_M, FARTHEST_M) - truth
        self._relative += float((error.abs() / truth).sum())
        self._square += float(error.square().sum())

    def result(self) -> dict[str, float]:
        """Metric name to value; ``delta_1_25`` higher, the others lower is better."""
        if self._pixels == 0:
            worst = FARTHEST_M - NEAREST_M
            return {"delta_1_25": 0.0, "abs_rel": worst, "rmse_m": worst}
        return {
            "delta_1_25": self._close / self._pixels,
            "abs_rel": self._relative / self._pixels,
            "rmse_m": math.sqrt(self._square / self._pixels),
        }


class LogDepthHistogram:
    """How often each log depth between 1 and 80 m occurs, in bins of log(1.25) / 200."""

    def __init__(self) -> None:
        self._bin = math.log(RATIO) / _HALF_WINDOW
        self._bins = math.ceil(math.log(FARTHEST_M / NEAREST_M) / self._bin)
        self._counts: NDArray[np.int64] = np.zeros(self._bins, np.int64)
        self._sum = 0.0

    def add(self, label: Array) -> None:
        """Count the depths of one label ``(H, W)`` in metres."""
        metres = label.astype(np.float32, copy=False)
        inside = metres[(metres >= NEAREST_M) & (metres <= FARTHEST_M)]
        logs = np.log(inside.astype(np.float64) / NEAREST_M)
        self._sum += float(logs.sum())
        index = np.minimum((logs / self._bin).astype(np.intp), self._bins - 1)
        self._counts += np.bincount(index, minlength=self._bins)

    def mean(self) -> float:
        """Mean log depth; the middle of the range without any pixel."""
        pixels = int(self._counts.sum())
        if pixels == 0:
            return math.log(NEAREST_M * FARTHEST_M) / 2
        return math.log(NEAREST_M) + self._sum / pixels

    def best_centre(self) -> float:
        """The log depth with the most pixels within log(1.25); the middle where many are best."""
        padded = np.pad(self._counts, _HALF_WINDOW)
        total = np.concatenate([[0], np.cumsum(padded)])
        inside = total[2 * _HALF_WINDOW :] - total[: -2 * _HALF_WINDOW]  # (bins + 1,) at edges
        first = int(inside.argmax())
        worse = np.flatnonzero(inside[first:] < inside[first])
        end = first + (int(worse[0]) if len(worse) else len(inside) - first)
        return math.log(NEAREST_M) + self._bin * (first + end - 1) / 2


def _in_range(label: Tensor) -> Tensor:
    return (label >= NEAREST_M) & (label <= FARTHEST_M)


def _smallest_in_cell(label: Array, resolution: Resolution) -> NDArray[np.float32]:
    """The smallest valid depth of the source pixels under each new pixel, 0 without any."""
    height, width = label.shape
    rows = np.arange(resolution.height) * height // resolution.height
    columns = np.arange(resolution.width) * width // resolution.width
    metres = label.astype(np.float32)
    metres[metres <= 0] = np.inf
    smallest = np.minimum.reduceat(np.minimum.reduceat(metres, rows, axis=0), columns, axis=1)
    return np.where(np.isfinite(smallest), smallest, 0).astype(np.float32)


@cache
def _colours() -> NDArray[np.uint8]:
    """Matplotlib's plasma, ``(256, 3)``: even steps to the eye, and nowhere near black."""
    from matplotlib import colormaps  # 0.2 s, and only pictures need it

    return np.asarray(colormaps["plasma"](np.arange(256), bytes=True), np.uint8)[:, :3]
