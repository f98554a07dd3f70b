"""The data source: every frame is a world of its own, drawn from seed, split and index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nas.data.source import SPLITS, DataError, Frame, Split
from nas.data.synthetic.generate import generate
from nas.data.synthetic.labels import labels
from nas.data.synthetic.render import Renderer
from nas.data.synthetic.soiling import Dirt, draw_dirt
from nas.data.synthetic.world import World
from nas.resolution import Resolution
from search_spaces.default_tasks import ALL_TASKS, DEFAULT_TASKS
from search_spaces.task_spec import TaskSpec

#: Goes up whenever any frame changes, so that caches are built anew.
RENDERER_VERSION = 3


@dataclass(frozen=True, kw_only=True)
class SyntheticSource:
    """A procedural driving world with exact labels for every task.

    ``interval`` is the time from the previous frame to the current one, in seconds. Each frame
    shows another world; no world is in two splits.
    """

    seed: int = 0
    train: int = 1200
    val: int = 240
    test: int = 240
    interval: float = 0.15

    def __post_init__(self) -> None:
        for split, frames in zip(SPLITS, (self.train, self.val, self.test), strict=True):
            if frames < 0:
                raise DataError(f"synthetic: {split} is {frames} frames, use 0 or more")
        if self.seed < 0:
            raise DataError(f"synthetic: seed is {self.seed}, use 0 or more")
        if not 0 < self.interval <= 1:
            raise DataError(f"synthetic: interval is {self.interval} s, use above 0 to 1")

    @property
    def name(self) -> str:
        """Short name for messages and study names."""
        return "synthetic"

    @property
    def tasks(self) -> tuple[TaskSpec, ...]:
        """All that the rendered world has labels for."""
        return ALL_TASKS

    @property
    def default_tasks(self) -> tuple[str, ...]:
        """Segmentation, depth and motion."""
        return tuple(task.name for task in DEFAULT_TASKS)

    @property
    def has_previous(self) -> bool:
        """Every frame comes with the one before."""
        return True

    def length(self, split: Split) -> int:
        """Number of frames in a split."""
        return {"train": self.train, "val": self.val, "test": self.test}[split]

    def world(self, split: Split, index: int) -> World:
        """The world of a frame and its camera's path; raises ``DataError`` beyond the end."""
        return generate(self._generator(split, index, 0))

    def dirt(self, split: Split, index: int) -> Dirt | None:
        """What is on the lens in a frame and the one before; raises ``DataError`` as `world`."""
        return draw_dirt(self._generator(split, index, 2))

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """A frame, rendered at this resolution; raises ``DataError`` beyond the end."""
        world, dirt = self.world(split, index), self.dirt(split, index)
        renderer, noise = Renderer(world, dirt), self._generator(split, index, 1)
        view = renderer.view(0.0, world.ego.camera(0.0), resolution, noise)
        before = world.ego.camera(-self.interval)
        return Frame(
            image=view.image,
            previous=renderer.image(-self.interval, before, resolution, noise),
            labels=labels(world, dirt, view, self.interval),
        )

    def fingerprint(self) -> str:
        """Version of the renderer and every parameter."""
        return f"synthetic-v{RENDERER_VERSION}:{self!r}"

    def _generator(self, split: Split, index: int, purpose: int) -> np.random.Generator:
        if not 0 <= index < self.length(split):
            raise DataError(
                f"synthetic: frame {index} of {split} was asked, "
                f"there are {self.length(split)} (0 to {self.length(split) - 1})"
            )
        key = (SPLITS.index(split), index, purpose)
        return np.random.Generator(
            np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=key))
        )
