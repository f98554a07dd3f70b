"""Odometry: how the camera moved and turned since the previous frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nas.data.window import Window
from nas.resolution import Resolution
from nas.tasks.geometric_median import geometric_median
from nas.tasks.overlay import lined, tinted
from nas.tasks.task import Array, Evaluator, LabelStatistics, Metric, Picture, Task
from nas.tasks.trajectory import (
    Segments,
    benchmark_segments,
    chain,
    poses,
    single_segments,
    whole_segment,
)
from search_spaces.task_spec import ArchitectureError, TaskSpec

#: Without any labelled frame: as wrong as standing still, and a degree a metre.
WORST_TRANSLATION_PERCENT, WORST_ROTATION_DEG_PER_M = 100.0, 1.0

_UNLABELLED = -1e9
#: Spreads below these, in metres and degrees, and below a tenth of the largest of the three alike
#: components, are taken for noise: the loss does not enlarge them to a spread of one.
_LEAST_SPREAD, _LEAST_SHARE = 0.01, 0.1
#: Errors of the frames that are left out, in metres and degrees, are no reason to overflow.
_LARGEST_OUTPUT = (1e3, 180.0)
#: A short trajectory counts as its share of the benchmark's shortest segment; all together as
#: one of this many metres at least, so that a car that stands all the time has an error, too.
_SEGMENT_M, _LEAST_M = 100.0, 1.0
#: Of the picture's inset: its side in frame heights, and the metres that it shows.
_INSET, _INSET_M = 0.5, 2.5
_YAW_ENLARGED = 10
_MOTION, _HEADING, _BACKGROUND = (255, 210, 40), (60, 220, 255), (0, 0, 0)


class Odometry(Task):
    """The pose of the camera in the axes (right, down, forward) of the previous frame's camera.

    Labels are ``(7,)`` float32: translation in metres, rotation vector in radians, and 1 where the
    frame before in the split is labelled with the pose just before, so that both chain into one
    trajectory. The output ``(B, 6)`` is metres and *degrees*, both of the order of 1.

    Metrics, KITTI's: ``translation_percent`` and ``rotation_deg_per_m``, the mean drift over all
    segments of 100, 200, … 800 m of the trajectories (``nas.tasks.trajectory``). A trajectory too
    short for 100 m is one segment, down to the pair of frames of an unchained label, and counts as
    its share of 100 m: of short ones alone the metric is the sum of their errors over the sum of
    their lengths, which cars that stand cannot make infinite. Labels arrive in the split's order.
    Errors can exceed the 100 % and 1 °/m that stand for a split without labels.
    """

    kind = "odometry"
    label_dtype = np.float32
    unlabelled = _UNLABELLED
    output_unit = "metre and degree"
    pixelwise = False
    metrics = (
        Metric(name="translation_percent", direction="minimize", unit="%"),
        Metric(name="rotation_deg_per_m", direction="minimize", unit="degree/metre"),
    )

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec)
        if spec.channels != 6 or spec.positive or spec.output_stride != 0:
            raise ArchitectureError(
                f"task {spec.name}: {spec.channels} channels, positive={spec.positive}, "
                f"output_stride {spec.output_stride}; kind odometry needs 6 channels (translation, "
                "rotation), positive=False and output_stride=0"
            )

    @property
    def reading(self) -> str:
        """What the six numbers are."""
        return (
            "pose of the camera in the axes of the frame before (right, down, forward): "
            "translation in metres, rotation vector in degrees"
        )

    def label_shape(self, resolution: Resolution) -> tuple[int, ...]:
        """Translation, rotation vector, and whether the label continues the one before."""
        return (7,)

    def check_label(self, label: Array) -> None:
        """Allow finite metres, rotations of up to half a turn, and 0 or 1 at the end."""
        if label.shape != (7,) or label.dtype.kind != "f":
            raise ValueError(
                f"the label is {label.dtype} of shape {label.shape}, give translation, rotation "
                "vector and 0 or 1 for a continued trajectory as float32 (7,)"
            )
        value = np.asarray(label, np.float64)
        turn = float(np.linalg.norm(value[3:6]))
        if not (np.abs(value[:3]) < _LARGEST_OUTPUT[0]).all() or not turn <= math.pi + 1e-3:
            raise ValueError(
                f"the label holds the motion {value[:6].tolist()}, allowed are less than "
                f"{_LARGEST_OUTPUT[0]:g} metres and a rotation vector of at most pi radians"
            )
        if value[6] not in (0, 1):
            raise ValueError(
                f"the label holds {value[6]:g} at its end, allowed are 1 where it continues the "
                "label of the frame before, and 0"
            )

    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """The same motion at any resolution."""
        return label.astype(np.float32)

    def flip_label(self, label: Tensor) -> Tensor:
        """Mirrored in x: M R M and M t with M = diag(-1, 1, 1).

        Of the translation x changes its sign; a rotation vector is an axial vector, so its other
        two components do: yaw and roll turn round, pitch stays.
        """
        sign = torch.tensor([-1, 1, 1, 1, -1, -1, 1], dtype=label.dtype, device=label.device)
        return torch.where(_labelled(label)[:, None], label * sign, label)

    def crop_label(self, label: Tensor, window: Window) -> Tensor:
        """What the same lens would have to do to see so: an enlarged picture shows things nearer.

        As with depth, which is divided by the zoom too: the way forward is so many times shorter,
        the way aside the same, and turns aside and down look as many times larger.
        """
        down, aside = window.vertical_zoom, window.horizontal_zoom
        scale = torch.tensor([1, 1, 1 / down, down, aside, 1, 1], dtype=label.dtype)
        return torch.where(_labelled(label)[:, None], label * scale.to(label.device), label)

    def unordered(self, label: Tensor) -> Tensor:
        """None continues another."""
        return torch.cat([label[:, :6], torch.zeros_like(label[:, 6:])], dim=1)

    def statistics(self, labels: Iterable[Array]) -> LabelStatistics:
        """Bias: the mean motion. Weights: one over the standard deviation of each component.

        ``constant``: the best of some likely motions by ``translation_percent``.
        """
        known = [label for label in labels if label[0] != _UNLABELLED]
        stacked = np.array(known, np.float64).reshape(-1, 7)
        motion = _as_output(stacked)
        mean = motion.mean(0) if len(motion) else np.zeros(6)
        return LabelStatistics(
            initial_bias=torch.from_numpy(mean).float(),
            weights=torch.from_numpy(1 / _spread(motion)).float(),
            constant=self._best_constant(torch.from_numpy(stacked).float()),
        )

    def _best_constant(self, label: Tensor) -> Tensor:
        """Among standing, the mean and the geometric median of translation and of rotation.

        The median is the very best for single pairs of frames; over a long trajectory the mean
        drifts least.
        """
        if not len(label):
            return torch.zeros(6)
        motion = _as_output(label.double().numpy())
        choices = [
            [geometric_median(part), part.mean(0), np.zeros(3)]
            for part in (motion[:, :3], motion[:, 3:])
        ]
        constants = [torch.from_numpy(np.concatenate(pair)).float() for pair in product(*choices)]
        return min(constants, key=lambda constant: self._judge(constant, label))

    def _judge(self, constant: Tensor, label: Tensor) -> tuple[float, float]:
        evaluator = self.evaluator()
        evaluator.update(constant.expand(len(label), 6), label)
        result = evaluator.result()
        return result["translation_percent"], result["rotation_deg_per_m"]

    def loss(self, output: Tensor, label: Tensor, statistics: LabelStatistics) -> Tensor:
        """Huber's loss of each component in standard deviations of the labels, their mean.

        PoseNet (Kendall, Grimes and Cipolla, arXiv:1505.07427) weighs rotation against
        translation by a factor that is searched for each data set; standard deviations give
        it without a search, and no units (Kendall and Cipolla, arXiv:1704.00390, on scales).
        """
        labelled = _labelled(label)
        truth = torch.where(labelled[:, None], _degrees(label.float()), 0.0)
        weights = statistics.weights
        scale = torch.ones(6) if weights is None else weights
        error = (output.float() - truth) * scale.to(output.device)
        huber = F.huber_loss(error, torch.zeros_like(error), reduction="none").mean(1)
        return (huber * labelled).sum() / labelled.sum().clamp(min=1)

    def evaluator(self) -> Evaluator:
        """A fresh ``OdometryEvaluator``."""
        return OdometryEvaluator()

    def legend(self) -> tuple[tuple[tuple[int, int, int], str], ...]:
        """What the inset shows, from above."""
        return (
            (_MOTION, f"motion, {_INSET_M:g} m high"),
            (_HEADING, f"turn, {_YAW_ENLARGED} times"),
        )

    def picture_of_label(self, label: Array, image: Picture) -> Picture:
        """The frame with a view from above in its corner: motion, and ten times the turn."""
        vector = np.asarray(label, np.float64)[None]
        if vector[0, 0] == _UNLABELLED:
            return tinted(image, np.zeros_like(image), np.full(image.shape[:2], 0.5))
        return _with_inset(image, _as_output(vector)[0])

    def picture_of_output(self, output: Tensor, image: Picture) -> Picture:
        """The predicted motion in the same manner."""
        return _with_inset(image, _finite(output[None])[0])


class OdometryEvaluator:
    """Chains the motions of a split into trajectories and sums their drift over segments."""

    def __init__(self) -> None:
        self._truth: list[NDArray[np.float64]] = []
        self._guess: list[NDArray[np.float64]] = []

    def update(self, output: Tensor, label: Tensor) -> None:
        """Add outputs ``(B, 6)``, metres and degrees, and labels ``(B, 7)``, in order."""
        self._truth.append(label.cpu().double().numpy())
        self._guess.append(_finite(output))

    def result(self) -> dict[str, float]:
        """Metric name to value, lower is better."""
        translation = rotation = weight = 0.0
        for segments in self._segments():
            divisor = np.maximum(segments.length, _SEGMENT_M)
            translation += float((segments.translation / divisor).sum())
            rotation += float((segments.rotation / divisor).sum())
            weight += float((segments.length / divisor).sum())
        if not any((label[:, 0] != _UNLABELLED).any() for label in self._truth):
            return _metrics(WORST_TRANSLATION_PERCENT, WORST_ROTATION_DEG_PER_M)
        weight = max(weight, _LEAST_M / _SEGMENT_M)
        return _metrics(100 * translation / weight, math.degrees(rotation / weight))

    def _segments(self) -> Iterator[Segments]:
        """Of each run of frames that continue each other, and of all single ones together."""
        label = np.concatenate([np.empty((0, 7)), *self._truth])
        output = np.concatenate([np.empty((0, 6)), *self._guess])
        there = label[:, 0] != _UNLABELLED
        truth = poses(np.where(there[:, None], label[:, :6], 0.0))
        guess = poses(_radians(output))
        goes_on = np.concatenate([[False], there[1:] & there[:-1] & (label[1:, 6] == 1)])
        starts = np.flatnonzero(there & ~goes_on)
        counts = np.diff(np.concatenate([np.cumsum(goes_on)[starts], [goes_on.sum()]])) + 1
        single = starts[counts == 1]
        yield single_segments(truth[single], guess[single])
        for start, count in zip(starts[counts > 1], counts[counts > 1], strict=True):
            run = slice(start, start + count)
            paths = chain(truth[run]), chain(guess[run])
            segments = benchmark_segments(*paths)
            yield segments if len(segments.length) else whole_segment(*paths)


def _metrics(translation_percent: float, rotation_deg_per_m: float) -> dict[str, float]:
    return {
        "translation_percent": translation_percent,
        "rotation_deg_per_m": rotation_deg_per_m,
    }


def _labelled(label: Tensor) -> Tensor:
    return label[:, 0] != _UNLABELLED


def _degrees(label: Tensor) -> Tensor:
    """Labels ``(B, 7)`` as outputs ``(B, 6)``."""
    return torch.cat([label[:, :3], torch.rad2deg(label[:, 3:6])], dim=1)


def _as_output(labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Labels ``(N, 7)`` as outputs ``(N, 6)``."""
    return np.concatenate([labels[:, :3], np.degrees(labels[:, 3:6])], axis=1)


def _radians(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([outputs[:, :3], np.radians(outputs[:, 3:])], axis=1)


def _finite(output: Tensor) -> NDArray[np.float64]:
    """Outputs ``(B, 6)`` within 1,000 m and 180°; what is no number is far off, too."""
    far, turned = _LARGEST_OUTPUT
    largest = np.array([far] * 3 + [turned] * 3)
    values = output.detach().cpu().double().numpy()
    return np.clip(np.where(np.isnan(values), largest, values), -largest, largest)


def _spread(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviations ``(6,)`` of motions, 1 without two of them, and none that is noise."""
    if len(motion) < 2:
        return np.ones(6)
    spread = motion.std(0).reshape(2, 3)
    floor = np.maximum(_LEAST_SHARE * spread.max(1, keepdims=True), _LEAST_SPREAD)
    return np.asarray(np.maximum(spread, floor).ravel(), np.float64)


def _with_inset(image: Picture, motion: NDArray[np.float64]) -> Picture:
    """The frame with a motion ``(6,)`` in metres and degrees seen from above, bottom left."""
    height, width = image.shape[:2]
    side = min(round(_INSET * height), width)
    shade = np.zeros((height, width))
    shade[height - side :, :side] = 0.6
    dark = tinted(image, np.full_like(image, _BACKGROUND), shade)
    metre = 0.8 * side / _INSET_M
    x, y = side / 2, height - 0.1 * side
    right, forward = np.clip((motion[0], motion[2]), -_INSET_M, _INSET_M) * metre
    tip = (x + right, y - forward)
    yaw = math.radians(float(np.clip(_YAW_ENLARGED * motion[4], -90, 90)))
    nose = (tip[0] + 0.3 * side * math.sin(yaw), tip[1] - 0.3 * side * math.cos(yaw))
    moved = lined(dark, [((x, y), tip)], _MOTION)
    return lined(moved, [(tip, nose)], _HEADING)
