"""Batches of frames and labels, augmented jointly; a pure function of seed and step."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nas.data.cache import CachedFrames
from nas.data.window import Window
from nas.tasks.task import Task

#: Of RGB in 0..1, as ImageNet's published weights expect.
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)

_LARGEST_ZOOM = 1.3
_COLOUR_RANGE = 0.25


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Normalised frames ``(B, streams, 3, H, W)``, current first, and labels ``(B, …)``.

    A task without labels in this batch is absent. ``samples`` counts the labelled frames by task.
    """

    frames: Tensor
    labels: dict[str, Tensor]
    samples: dict[str, int]

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        return Batch(
            frames=self.frames.to(device),
            labels={name: label.to(device) for name, label in self.labels.items()},
            samples=self.samples,
        )


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """Which source and which frames a training step sees."""

    source: int
    frames: tuple[int, ...]
    seed: tuple[int, int]


class TrainingData:
    """The training batches of a study: a fixed number of samples, whatever network sees them.

    Sources take turns, so each gives the same share of the samples. ``for_tasks`` leaves out the
    steps that have no label for the given tasks and changes no other, so a single-task network
    sees exactly the samples that a multi-task network sees for that task.
    """

    def __init__(
        self,
        sets: Sequence[CachedFrames],
        tasks: Mapping[str, Task],
        *,
        streams: int,
        samples: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self.sets = tuple(sets)
        self.tasks = dict(tasks)
        self.streams = streams
        self.batch_size = batch_size
        self.plans = _plan_batches(self.sets, max(1, samples // batch_size), batch_size, seed)

    def __len__(self) -> int:
        return len(self.plans)

    def for_tasks(self, names: Sequence[str], *, streams: int) -> TrainingData:
        """The same steps for some of the tasks, without those that would teach them nothing."""
        part = copy.copy(self)
        part.streams = streams
        part.tasks = {name: self.tasks[name] for name in names}
        part.plans = tuple(plan for plan in self.plans if self._labels_any(plan, names))
        return part

    def on(self, sets: Sequence[CachedFrames]) -> TrainingData:
        """The same batches of copies of the same frames."""
        moved = copy.copy(self)
        moved.sets = tuple(sets)
        return moved

    def _labels_any(self, plan: BatchPlan, names: Sequence[str]) -> bool:
        """Whether a frame of the step has a label of one of the tasks."""
        labelled = self.sets[plan.source].labelled
        frames = list(plan.frames)
        return any(name in labelled and labelled[name][frames].any() for name in names)

    def batch(self, step: int) -> Batch:
        """The augmented batch of a step, normalised."""
        plan = self.plans[step]
        generator = np.random.default_rng(plan.seed)
        cached, index = self.sets[plan.source], list(plan.frames)
        raw, labels = gather(cached, index, self.tasks, self.streams)
        samples = {name: int(cached.labelled[name][index].sum()) for name in labels}
        frames, labels = _zoomed(raw.float(), labels, self.tasks, generator)
        frames, labels = _flipped(frames, labels, self.tasks, generator)
        return Batch(frames=_recoloured(frames, generator), labels=labels, samples=samples)


def gather(
    cached: CachedFrames, frames: Sequence[int], tasks: Mapping[str, Task], streams: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """Raw frames ``(B, streams, 3, H, W)`` uint8 and the labels there are, unaugmented.

    Where there is no previous frame the current one stands in for it.
    """
    index = np.asarray(frames)
    images = torch.from_numpy(np.ascontiguousarray(cached.images[index][:, :streams]))
    if images.shape[1] < streams:
        images = images.expand(-1, streams, -1, -1, -1)
    labels = {
        name: torch.from_numpy(np.ascontiguousarray(cached.labels[name][index]))
        for name in tasks
        if name in cached.labels and cached.labelled[name][index].any()
    }
    return images, labels


def normalize(frames: Tensor) -> Tensor:
    """Raw RGB in 0..255, channels at dimension -3, to what networks read."""
    mean = torch.tensor(IMAGE_MEAN, device=frames.device).view(3, 1, 1)
    std = torch.tensor(IMAGE_STD, device=frames.device).view(3, 1, 1)
    return (frames.float() / 255 - mean) / std


# --- which frames a step sees -------------------------------------------------------------------


def _plan_batches(
    sets: Sequence[CachedFrames], steps: int, batch_size: int, seed: int
) -> tuple[BatchPlan, ...]:
    shares = [len(range(source, steps, len(sets))) for source in range(len(sets))]
    orders = [
        _shuffled(cached, share * batch_size, np.random.default_rng((seed, source)))
        for source, (cached, share) in enumerate(zip(sets, shares, strict=True))
    ]
    plans = []
    for step in range(steps):
        source, turn = step % len(sets), step // len(sets)
        frames = orders[source][turn * batch_size : (turn + 1) * batch_size]
        plans.append(BatchPlan(source=source, frames=tuple(frames.tolist()), seed=(seed, step)))
    return tuple(plans)


def _shuffled(cached: CachedFrames, count: int, generator: np.random.Generator) -> np.ndarray:
    """``count`` labelled frames, every one once before any comes again."""
    useful = np.flatnonzero(np.any([cached.labelled[name] for name in cached.labels], axis=0))
    rounds = -(-count // len(useful))
    return np.concatenate([generator.permutation(useful) for _ in range(rounds)])[:count]


# --- augmentation -------------------------------------------------------------------------------


def _zoomed(
    frames: Tensor, labels: dict[str, Tensor], tasks: Mapping[str, Task], rng: np.random.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Half of the samples are cropped to a random window, which is enlarged to full size.

    Each to a window of its own: what is common to a batch, its normalisation would hide.
    """
    for sample in range(len(frames)):
        window = _window(frames.shape[-2], frames.shape[-1], rng)
        if window is not None:
            only = slice(sample, sample + 1)
            frames[only] = _enlarged(frames[only], window)
            for name, label in labels.items():
                label[only] = tasks[name].crop_label(label[only], window)
    return frames, labels


def _window(height: int, width: int, rng: np.random.Generator) -> Window | None:
    """A random part of a frame, with even odds the whole of it (None)."""
    if rng.random() < 0.5:
        return None
    factor = float(rng.uniform(1, _LARGEST_ZOOM))
    rows, columns = round(height / factor), round(width / factor)
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    return Window(top=top, left=left, rows=rows, columns=columns, height=height, width=width)


def _enlarged(frames: Tensor, window: Window) -> Tensor:
    """The window of frames ``(1, S, 3, H, W)`` at the size of the whole."""
    rows = slice(window.top, window.top + window.rows)
    columns = slice(window.left, window.left + window.columns)
    size = (window.height, window.width)
    part = frames[0, :, :, rows, columns]
    return F.interpolate(part, size, mode="bilinear", align_corners=False)[None]


def _flipped(
    frames: Tensor, labels: dict[str, Tensor], tasks: Mapping[str, Task], rng: np.random.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Half of the samples are mirrored."""
    mirror = torch.from_numpy(rng.random(len(frames)) < 0.5)
    frames[mirror] = frames[mirror].flip(-1)
    for name, label in labels.items():
        label[mirror] = tasks[name].flip_label(label[mirror])
    return frames, labels


def _recoloured(frames: Tensor, rng: np.random.Generator) -> Tensor:
    """Normalised frames whose brightness, contrast and saturation changed by up to a quarter.

    Alike in all frames of a sample. With grey g(x) = mean of RGB and m = mean of a sample:
    y = b · (m + c · (g + s · (x − g) − m)), an affine map of colours, so one product a pixel.
    """
    samples, streams, _, height, width = frames.shape
    brightness, contrast, saturation = (
        torch.from_numpy(rng.uniform(1 - _COLOUR_RANGE, 1 + _COLOUR_RANGE, samples)).float()
        for _ in range(3)
    )
    grey = torch.full((3, 3), 1 / 3)
    colour = grey + saturation.view(-1, 1, 1) * (torch.eye(3) - grey)
    std = torch.tensor(IMAGE_STD).view(1, 3, 1)
    matrix = (brightness * contrast / 255).view(-1, 1, 1) * colour / std
    middle = frames.mean((1, 2, 3, 4)) / 255
    offset = (brightness * (1 - contrast) * middle).view(-1, 1, 1)
    offset = (offset - torch.tensor(IMAGE_MEAN).view(1, 3, 1)) / std
    pixels = frames.reshape(samples * streams, 3, height * width)
    moved = torch.baddbmm(
        offset.repeat_interleave(streams, 0), matrix.repeat_interleave(streams, 0), pixels
    )
    return moved.view(frames.shape)
