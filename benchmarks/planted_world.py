"""A world of small frames in which it is known which devices help which task.

A frame is covered by two layouts of rectangles that know nothing of each other: one gives every
pixel a texture, the other a hue. What a task has to say of a pixel is a plain function of one of
the two. A hue is told by one filter, a texture by a bank of them, so a task on hues is simple and
a task on textures is not; in how many training frames a task has its label, and how loud its loss
is, does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nas.data.source import SPLITS, Frame, Split
from nas.resolution import Resolution
from nas.tasks.kinds import KINDS
from nas.tasks.segmentation import Segmentation
from nas.tasks.task import LabelStatistics, Task
from search_spaces.task_spec import TaskSpec

#: RGB of each hue.
HUES: Final = np.array(
    [(200, 60, 60), (70, 80, 210), (60, 190, 60), (190, 180, 50), (180, 60, 190), (50, 180, 190)],
    np.float32,
)
#: Periods in rows and in columns of each texture, pixels; 0 is constant. All of them look the
#: same when mirrored, and none looks like another one that is enlarged by up to 1.3.
TEXTURES: Final = ((0, 0), (3, 0), (0, 3), (6, 0), (0, 6), (3, 3))
_RECTANGLES = 4
#: Sides and places of rectangles are multiples of the finest cells that a decoder has, so that
#: what is wrong is not what no network can draw.
_GRID = 4
_SHORTEST, _LONGEST = 12, 24
#: Brightness of a plain texture, and how far the stripes of others are above and below it: never so
#: dark that a hue is lost.
_BRIGHTNESS, _CONTRAST = 0.55, 0.4
_NOISE = 12.0
#: Changes whenever a frame would.
_VERSION = 2

Map = NDArray[np.int64]


class FirmSegmentation(Segmentation):
    """Segmentation whose loss is five times as large: what it taught, others do not undo."""

    kind = "firm_segmentation"
    loudness = 5.0

    def loss(self, output: Tensor, label: Tensor, statistics: LabelStatistics) -> Tensor:
        """Cross-entropy, so many times."""
        return self.loudness * super().loss(output, label, statistics)


class LoudSegmentation(FirmSegmentation):
    """Segmentation whose loss is a hundred times as large: in a plain sum it drowns the others."""

    kind = "loud_segmentation"
    loudness = 100.0


Voice = Literal["plain", "firm", "loud"]
_KINDS: Mapping[Voice, type[Segmentation]] = MappingProxyType(
    {"plain": Segmentation, "firm": FirmSegmentation, "loud": LoudSegmentation}
)
#: Behaviours of tasks that a study of this world needs.
WORLD_KINDS: Mapping[str, type[Task]] = MappingProxyType(
    {**KINDS, **{kind.kind: kind for kind in _KINDS.values()}}
)


@dataclass(frozen=True, kw_only=True)
class PlantedTask:
    """A task of the world: class ``classes[v]`` where the texture, or the hue, is ``v``.

    One training frame in ``every`` has its label, all validation frames have it. ``voice`` tells
    how large its loss is.
    """

    name: str
    latent: Literal["texture", "hue"]
    classes: tuple[int, ...]
    every: int = 1
    voice: Voice = "plain"

    @property
    def spec(self) -> TaskSpec:
        """What the search space knows of it."""
        count = max(self.classes) + 1
        return TaskSpec(
            name=self.name,
            kind=_KINDS[self.voice].kind,
            channels=count,
            classes=tuple(f"{self.latent}{index}" for index in range(count)),
        )

    def label(self, scene: Scene) -> NDArray[np.uint8]:
        """The class of every pixel, ``(H, W)``."""
        values = scene.textures if self.latent == "texture" else scene.hues
        return np.array(self.classes, np.uint8)[values]

    def labels(self, split: Split, index: int) -> bool:
        """Whether a frame has its label."""
        return split != "train" or index % self.every == 0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One frame: RGB ``(H, W, 3)`` uint8, and texture and hue of every pixel, ``(H, W)``."""

    image: NDArray[np.uint8]
    textures: Map
    hues: Map


@dataclass(frozen=True, kw_only=True)
class PlantedWorld:
    """A data source of such frames with the labels of some tasks."""

    planted: tuple[PlantedTask, ...]
    textures: int = 4
    hues: int = 2
    train: int = 512
    val: int = 96
    seed: int = 0
    name: str = "planted"
    has_previous: bool = False

    @property
    def tasks(self) -> tuple[TaskSpec, ...]:
        """The tasks that are labelled."""
        return tuple(task.spec for task in self.planted)

    def length(self, split: Split) -> int:
        """Frames of a split; there are none to test on."""
        return {"train": self.train, "val": self.val, "test": 0}[split]

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """The frame of that index with the labels that it has."""
        scene = self.scene(split, index, resolution)
        labels = {t.name: t.label(scene) for t in self.planted if t.labels(split, index)}
        return Frame(image=scene.image, labels=labels)

    def scene(self, split: Split, index: int, resolution: Resolution) -> Scene:
        """The frame with all that is to be known of it."""
        rng = np.random.default_rng((self.seed, SPLITS.index(split), index))
        shape = (resolution.height, resolution.width)
        textures, hues = (_layout(rng, shape, count) for count in (self.textures, self.hues))
        brightness = _BRIGHTNESS + _CONTRAST * _pattern(rng, textures)
        image = HUES[hues] * brightness[..., None] + rng.normal(0, _NOISE, (*shape, 3))
        return Scene(image=np.clip(image, 0, 255).astype(np.uint8), textures=textures, hues=hues)

    def fingerprint(self) -> str:
        """Changes with whatever changes a frame."""
        return f"{_VERSION}:{self!r}"


def _layout(rng: np.random.Generator, shape: tuple[int, int], values: int) -> Map:
    """A ground of one value, rectangles of others upon it, ``(H, W)``."""
    height, width = shape
    layout = np.full(shape, rng.integers(values), np.int64)
    for _ in range(_RECTANGLES):
        rows, columns = (_multiple(rng, _SHORTEST, _LONGEST) for _ in range(2))
        top = _multiple(rng, 0, max(0, height - rows))
        left = _multiple(rng, 0, max(0, width - columns))
        layout[top : top + rows, left : left + columns] = rng.integers(values)
    return layout


def _multiple(rng: np.random.Generator, low: int, high: int) -> int:
    """A multiple of the grid from one number to another."""
    return _GRID * int(rng.integers(low // _GRID, high // _GRID + 1))


def _pattern(rng: np.random.Generator, textures: Map) -> NDArray[np.float32]:
    """-1 to 1 at every pixel, each texture at a phase of its own; 0 where it is plain."""
    pattern = np.zeros(textures.shape, np.float32)
    rows, columns = np.mgrid[: textures.shape[0], : textures.shape[1]]
    for index, (vertical, horizontal) in enumerate(TEXTURES):
        waves = [
            _square_wave(rng, position, period)
            for position, period in ((rows, vertical), (columns, horizontal))
            if period
        ]
        if waves:
            pattern = np.where(textures == index, np.prod(waves, axis=0), pattern)
    return pattern.astype(np.float32)


def _square_wave(
    rng: np.random.Generator, position: NDArray[np.int64], period: int
) -> NDArray[np.float64]:
    phase = rng.uniform(0, 2 * np.pi)
    return np.where(np.sin(2 * np.pi * position / period + phase) < 0, -1.0, 1.0)
