"""Search networks for a task and data of your own: here, discs on a noisy ground.

    python examples/own_task_and_data.py [--trials 2] [--out exported]

``DiscDistance`` is a task that the program does not know: how far every pixel is from the disc.
``Discs`` is its data. A search runs on both, with ``disc``, a segmentation, beside it; the front is
printed and its best network exported. So little training shows the way, not good networks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nas.budget import Budget
from nas.data.source import Frame, Split
from nas.data.window import Window
from nas.fidelity import Fidelity
from nas.resolution import Resolution
from nas.tasks.class_labels import nearest_pixels
from nas.tasks.kinds import KINDS
from nas.tasks.task import Array, LabelStatistics, Metric, Picture, Task
from search_spaces.task_spec import TaskSpec
from studies.config import SearchConfig
from studies.opening import load_study
from studies.report import best_of, print_report
from studies.search import search
from studies.trial_export import export_trial

# --- the task: labels, loss, metric, pictures ---------------------------------------------------


class DiscDistance(Task):
    """Distance of each pixel from the disc, as a share of the frame's width; 0 inside."""

    kind = "disc_distance"
    label_dtype = np.float32
    unlabelled = -1.0
    output_unit = "share of the frame's width"
    metrics = (Metric(name="mean_error", direction="minimize", unit="share of the width"),)

    def check_label(self, label: Array) -> None:
        """Allow finite distances from 0."""
        if label.dtype.kind != "f" or not (np.isfinite(label) & np.greater_equal(label, 0)).all():
            raise ValueError("the label holds something else than finite distances from 0")

    def resize_label(self, label: Array, resolution: Resolution) -> Array:
        """The distance under the centre of each new pixel: a share of the width stays one."""
        rows = nearest_pixels(label.shape[0], resolution.height)
        columns = nearest_pixels(label.shape[1], resolution.width)
        return label[rows[:, None], columns].astype(np.float32)

    def crop_label(self, label: Tensor, window: Window) -> Tensor:
        """Pixels move with their image, and in an enlarged picture all distances are longer."""
        moved = super().crop_label(label, window)
        return torch.where(moved >= 0, moved * window.horizontal_zoom, moved)

    def statistics(self, labels: Iterable[Array]) -> LabelStatistics:
        """Training begins at the median, which is the best constant prediction too."""
        median = torch.tensor([np.median(np.stack(list(labels)))], dtype=torch.float32)
        return LabelStatistics(initial_bias=median, weights=None, constant=median)

    def loss(self, output: Tensor, label: Tensor, statistics: LabelStatistics) -> Tensor:
        """Mean absolute error over the labelled pixels."""
        error = (output[:, 0].float() - label).abs()
        return (error * (label >= 0)).sum() / (label >= 0).sum().clamp(min=1)

    def evaluator(self) -> MeanError:
        """A fresh accumulator."""
        return MeanError()

    def picture_of_label(self, label: Array, image: Picture) -> Picture:
        """The nearer, the brighter."""
        grey = 255 - np.clip(np.asarray(label, np.float32) * 400, 0, 255)
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)

    def picture_of_output(self, output: Tensor, image: Picture) -> Picture:
        """The same shades."""
        return self.picture_of_label(output[0].float().cpu().numpy(), image)


class MeanError:
    """Sums errors over a split."""

    def __init__(self) -> None:
        self.error, self.pixels = 0.0, 0

    def update(self, output: Tensor, label: Tensor) -> None:
        """Add outputs ``(B, 1, H, W)`` and labels ``(B, H, W)``."""
        valid = label >= 0
        self.error += float((output[:, 0] - label).abs()[valid].double().sum())
        self.pixels += int(valid.sum())

    def result(self) -> dict[str, float]:
        """The metric by its name."""
        return {"mean_error": self.error / max(1, self.pixels)}


# --- the data: frames with labels, a pure function of split and index ---------------------------


@dataclass(frozen=True, kw_only=True)
class Discs:
    """One disc a frame, of random place, size and brightness."""

    frames: int = 96
    name: str = "discs"
    has_previous: bool = False
    tasks: tuple[TaskSpec, ...] = (
        TaskSpec(name="disc", kind="segmentation", channels=2, classes=("ground", "disc")),
        TaskSpec(name="distance", kind=DiscDistance.kind, channels=1),
    )

    def length(self, split: Split) -> int:
        """Frames of a split."""
        return {"train": self.frames, "val": self.frames // 4, "test": 0}[split]

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """The frame of that index with both labels."""
        rng = np.random.default_rng((("train", "val", "test").index(split), index))
        width, height = resolution.width, resolution.height
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        radius, brightness = rng.uniform(0.05, 0.2) * width, rng.uniform(20, 70)
        rows, columns = np.mgrid[:height, :width]
        outside = np.hypot(columns - x, rows - y) - radius
        grey = 128 + brightness * (outside < 0) + rng.normal(0, 12, (height, width))
        return Frame(
            image=np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=-1),
            labels={
                "disc": (outside < 0).astype(np.uint8),
                "distance": (np.maximum(outside, 0) / width).astype(np.float32),
            },
        )

    def fingerprint(self) -> str:
        """Changes with whatever changes a frame."""
        return f"discs-1:{self.frames}"


# --- the search ---------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Search, print the front, export its best network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("exported"))
    parser.add_argument("--storage", default="sqlite:///discs.db")
    options = parser.parse_args(arguments)

    kinds: dict[str, type[Task]] = {**KINDS, DiscDistance.kind: DiscDistance}
    config = SearchConfig(
        sources=(Discs(),),
        kinds=kinds,
        budget=Budget.parse(["5gmacs"]),
        fix={"encoder": "resnet10", "width": "16,24,32"},
        fidelity=Fidelity(
            name="tiny",
            resolution=Resolution(64, 32),
            samples=192,
            batch_size=8,
            train=96,
            val=24,
            test=0,
        ),
        trials=options.trials,
        storage=options.storage,
    )
    result = search(config)
    print_report(result)
    store = load_study(result.storage, result.study)
    report = export_trial(
        store, best_of(result).number, options.out, kinds=kinds, resolution=Resolution(256, 128)
    )
    print(f"{report.folder}: ONNX Runtime differs by {report.max_absolute_difference:.1e}")


if __name__ == "__main__":
    main()
