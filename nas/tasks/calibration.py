"""Calibration: where driving straight ahead vanishes, which tells the camera's yaw and pitch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.geometric_median import geometric_median
from nas.tasks.heat_map import map_divergence, map_position, peaked_map
from nas.tasks.overlay import lined, tinted
from nas.tasks.task import Array, Evaluator, LabelStatistics, Metric, Picture, Task
from search_spaces.task_spec import ArchitectureError, TaskSpec

#: Degrees of every metric without any labelled frame.
WORST_DEG = 90.0

_UNLABELLED = -1e9
#: Vanishing points may lie outside the frame, but not farther than this many sides.
_FARTHEST = 100.0
_CROSS, _HORIZON = (255, 60, 60), (60, 220, 255)


@dataclass(frozen=True, kw_only=True)
class CalibrationStatistics(LabelStatistics):
    """And the best constant point, x and y as shares ``(2,)``: no single score says it."""

    point: Tensor


class Calibration(Task):
    """The vanishing point of the car's forward direction.

    Labels are ``(6,)`` float32: the vanishing point x, y, focal lengths, principal point x, y; x in
    frame widths from the left edge, y in frame heights from the top. The output ``(B, 1, h, w)``
    scores the cells of the frame; ``nas.tasks.heat_map.map_position`` makes a point of it. What is
    seen in a place says where lines meet, so a map learns it from few frames: after 1,200 samples
    it beats a constant, 600 steps bring the error from 2.9° to 2.1°, while a regression from the
    whole frame learnt nothing at all.

    Metrics: ``angular_error_deg``, the mean angle between the rays through the predicted and
    through the true point, by the label's intrinsics; ``yaw_error_deg`` and ``pitch_error_deg``,
    its mean absolute parts. All are 90 without any label.
    """

    kind = "calibration"
    label_dtype = np.float32
    unlabelled = _UNLABELLED
    output_unit = "logit"
    pixelwise = False
    metrics = (
        Metric(name="angular_error_deg", direction="minimize", unit="degree"),
        Metric(name="yaw_error_deg", direction="minimize", unit="degree"),
        Metric(name="pitch_error_deg", direction="minimize", unit="degree"),
    )

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec)
        if spec.channels != 1 or spec.positive or spec.output_stride < 4:
            raise ArchitectureError(
                f"task {spec.name}: {spec.channels} channels, positive={spec.positive}, "
                f"output_stride {spec.output_stride}; kind calibration needs 1 channel, "
                "positive=False and an output_stride of 4, 8, 16 or 32"
            )

    def label_shape(self, resolution: Resolution) -> tuple[int, ...]:
        """Vanishing point, focal lengths, principal point."""
        return (6,)

    def check_label(self, label: Array) -> None:
        """Allow finite points in and near the frame, and focal lengths above 0."""
        if label.shape != (6,) or label.dtype.kind != "f":
            raise ValueError(
                f"the label is {label.dtype} of shape {label.shape}, give vanishing point, focal "
                "lengths and principal point in frame widths and heights as float32 (6,)"
            )
        value = np.asarray(label, np.float64)
        if not (np.abs(value) < _FARTHEST).all() or not (value[2:4] > 0).all():
            raise ValueError(
                f"the label holds {value.tolist()}, allowed are shares of the frame's width and "
                f"height below {_FARTHEST:g} (not pixels), focal lengths above 0"
            )

    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """Shares are the same at any resolution."""
        return label.astype(np.float32)

    def flip_label(self, label: Tensor) -> Tensor:
        """Both points are mirrored, and with them the yaw."""
        flipped = label.clone()
        flipped[:, [0, 4]] = 1 - label[:, [0, 4]]
        return torch.where(_labelled(label)[:, None], flipped, label)

    def crop_label(self, label: Tensor, window: Window) -> Tensor:
        """Both points move with the picture, and focal lengths grow by its zoom."""
        moved = torch.stack(
            [
                window.x_of(label[:, 0]),
                window.y_of(label[:, 1]),
                label[:, 2] * window.horizontal_zoom,
                label[:, 3] * window.vertical_zoom,
                window.x_of(label[:, 4]),
                window.y_of(label[:, 5]),
            ],
            dim=1,
        )
        return torch.where(_labelled(label)[:, None], moved, label)

    @property
    def reading(self) -> str:
        """How a point is made of the map."""
        return (
            "logit of each cell that driving straight ahead vanishes there; the mean of the cells' "
            "centres, weighted by the softmax over all cells, is the vanishing point "
            "(`nas.tasks.heat_map.map_position`)"
        )

    def statistics(self, labels: Iterable[Array]) -> CalibrationStatistics:
        """``point``: that with the smallest sum of angles, these taken for distances over focal
        lengths; training begins with equal scores."""
        known = [label for label in labels if label[0] != _UNLABELLED]
        stacked = np.array(known, np.float64).reshape(-1, 6)
        point = torch.full((2,), 0.5)
        if len(stacked):
            median = geometric_median(stacked[:, :2], 1 / stacked[:, 2:4])
            point = torch.from_numpy(median).float()
        return CalibrationStatistics(
            initial_bias=torch.zeros(1), weights=None, constant=torch.zeros(1), point=point
        )

    def constant_like(self, statistics: LabelStatistics, output: Tensor) -> Tensor:
        """A map with its peak at the best constant point."""
        assert isinstance(statistics, CalibrationStatistics)
        point = statistics.point.to(output)[None]
        return peaked_map(point, output.shape[2], output.shape[3])[:, None].expand_as(output)

    def evaluate_constant(
        self, statistics: LabelStatistics, labels: Iterable[Array], resolution: Resolution
    ) -> Mapping[str, float]:
        """Metrics of saying one point in every frame, the best on the training labels."""
        output = self.constant_like(statistics, self.constant_output(torch.zeros(1), resolution))
        evaluator = self.evaluator()
        for label in labels:
            evaluator.update(output, torch.from_numpy(np.array(label))[None])
        return evaluator.result()

    def loss(self, output: Tensor, label: Tensor, statistics: LabelStatistics) -> Tensor:
        """Divergence of the scores from the point in nats, the mean over the frames that show it.

        A point outside of the frame, as a crop may leave it, teaches nothing.
        """
        point = label[:, :2].float()
        shown = _labelled(label) & ((point > 0) & (point < 1)).all(1)
        divergence = map_divergence(output[:, 0].float(), point.clamp(0, 1))
        return (divergence * shown).sum() / shown.sum().clamp(min=1)

    def evaluator(self) -> Evaluator:
        """A fresh ``CalibrationEvaluator``."""
        return CalibrationEvaluator()

    def legend(self) -> tuple[tuple[tuple[int, int, int], str], ...]:
        """The vanishing point and the horizon through it."""
        return ((_CROSS, "vanishing point"), (_HORIZON, "horizon"))

    def picture_of_label(self, label: Array, image: Picture) -> Picture:
        """The frame with a cross at the vanishing point and the horizon through it."""
        if label[0] == _UNLABELLED:
            return tinted(image, np.zeros_like(image), np.full(image.shape[:2], 0.5))
        return _with_cross(image, float(label[0]), float(label[1]))

    def picture_of_output(self, output: Tensor, image: Picture) -> Picture:
        """The predicted point in the same manner."""
        x, y = map_position(output)[0].tolist()
        return _with_cross(image, float(x), float(y))


class CalibrationEvaluator:
    """Sums of angles between predicted and true rays over a split."""

    def __init__(self) -> None:
        self._frames = 0
        self._sums = np.zeros(3)

    def update(self, output: Tensor, label: Tensor) -> None:
        """Add outputs ``(B, 1, h, w)`` and labels ``(B, 6)``."""
        truth = label.cpu().double().numpy()
        there = truth[:, 0] != _UNLABELLED
        point: NDArray[np.float64] = map_position(output[:, 0]).cpu().double().numpy()
        truth, guess = truth[there], point[there]
        true_ray, ray = _ray(truth[:, :2], truth), _ray(guess, truth)
        angle = np.arctan2(np.linalg.norm(np.cross(true_ray, ray), axis=1), (true_ray * ray).sum(1))
        turned = np.abs(_yaw_and_pitch(ray) - _yaw_and_pitch(true_ray))
        self._frames += len(truth)
        self._sums += np.degrees([angle.sum(), *turned.sum(1)])

    def result(self) -> dict[str, float]:
        """Degrees, lower is better."""
        means = self._sums / self._frames if self._frames else np.full(3, WORST_DEG)
        names = (metric.name for metric in Calibration.metrics)
        return {name: float(mean) for name, mean in zip(names, means, strict=True)}


def _labelled(label: Tensor) -> Tensor:
    return label[:, 0] != _UNLABELLED


def _ray(point: NDArray[np.float64], label: NDArray[np.float64]) -> NDArray[np.float64]:
    """Directions ``(N, 3)`` right, down, forward of points ``(N, 2)`` in shares of the sides."""
    aside = (point - label[:, 4:6]) / label[:, 2:4]
    return np.concatenate([aside, np.ones((len(point), 1))], axis=1)


def _yaw_and_pitch(ray: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radians to the right and down, ``(2, N)``, of directions ``(N, 3)``."""
    right, down, forward = ray.T
    return np.stack([np.arctan2(right, forward), np.arctan2(down, np.hypot(right, forward))])


def _with_cross(image: Picture, x: float, y: float) -> Picture:
    """The frame with a cross and a horizon at a point in shares of its sides."""
    height, width = image.shape[:2]
    centre = x * width, y * height
    arm = height / 10
    horizon = lined(image, [((0, centre[1]), (width, centre[1]))], _HORIZON)
    cross = [
        ((centre[0] - arm, centre[1]), (centre[0] + arm, centre[1])),
        ((centre[0], centre[1] - arm), (centre[0], centre[1] + arm)),
    ]
    return lined(horizon, cross, _CROSS)
