"""What every data set offers: frames with the labels it has, split by split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nas.resolution import Resolution
from search_spaces.task_spec import TaskSpec

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
#: Value of class labels at pixels without a label.
IGNORE: Final = 255


class DataError(ValueError):
    """Data that cannot be used as it is; names the file, the field and the repair."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One labelled frame as its source delivers it.

    ``image`` and ``previous`` are ``(H, W, 3)`` uint8 RGB; ``previous`` is the frame before, or
    None where there is none. ``labels`` holds one array by task name, ``(H, W)`` where the task is
    pixelwise; a task that has no label here is absent.
    """

    image: NDArray[np.uint8]
    previous: NDArray[np.uint8] | None = None
    labels: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)


class DataSource(Protocol):
    """A data set: which tasks it labels, how many frames each split has, and each frame."""

    @property
    def name(self) -> str:
        """Short name for messages and study names, as ``synthetic`` or ``camvid``."""

    @property
    def tasks(self) -> tuple[TaskSpec, ...]:
        """The tasks that this source has labels for."""

    @property
    def has_previous(self) -> bool:
        """Whether frames come with the frame before them."""

    def length(self, split: Split) -> int:
        """Number of frames in a split, 0 where the split does not exist."""

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """One frame. A source that renders does so at ``resolution``; a source that reads files
        may deliver their own size. Must be a pure function of its arguments.

        Raises ``DataError`` naming file and field where the data is broken.
        """

    def fingerprint(self) -> str:
        """Changes whenever any frame would: the cache is keyed by it."""


@runtime_checkable
class SelectiveSource(DataSource, Protocol):
    """A source that labels more tasks than are trained unless they are named."""

    @property
    def default_tasks(self) -> tuple[str, ...]:
        """Names of the tasks that are trained where none is named."""
