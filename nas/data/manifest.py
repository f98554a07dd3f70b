"""Anybody's own frames and labels, listed in a manifest (``docs/data.md``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.image_files import (
    check_size,
    class_values,
    read_label,
    read_previous,
    read_rgb,
    stamp_files,
)
from nas.data.manifest_format import ManifestFrame, read_manifest
from nas.data.manifest_labels import JsonLabel, LabelError, read_label_file, reads_json
from nas.data.manifest_tasks import ManifestTask
from nas.data.source import SPLITS, DataError, Frame, Split
from nas.resolution import Resolution

#: Further away than anything on earth is from a camera, and far from where fp32 ends.
_MOST_METRES = 1e9


class ManifestSource:
    """Frames of a manifest file, with any subset of its tasks labelled on each of them.

    Raises ``DataError`` with file, line and field where the manifest is wrong, and with the file
    where an image is.
    """

    def __init__(self, file: Path) -> None:
        manifest = read_manifest(file)
        self.name = manifest.name
        self.tasks = tuple(task.spec for task in manifest.tasks)
        self.has_previous = any(frame.previous for frame in manifest.frames)
        self._file = file
        self._tasks = {task.spec.name: task for task in manifest.tasks}
        self._frames: dict[Split, list[ManifestFrame]] = {
            split: [frame for frame in manifest.frames if frame.split == split] for split in SPLITS
        }

    def length(self, split: Split) -> int:
        """Number of frames in a split, 0 where the manifest has no frame of it."""
        return len(self._frames[split])

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        """One frame in the files' own size; raises ``DataError`` with the file."""
        entry = self._frames[split][index]
        image = read_rgb(entry.image)
        previous = read_previous(entry.previous, image, entry.image)
        labels = {
            name: self._label(entry, label, self._tasks[name], image)
            for name, label in entry.labels.items()
        }
        return Frame(image=image, previous=previous, labels=labels)

    def fingerprint(self) -> str:
        """Changes with the manifest, and with size or time of any file that it names."""
        files = [self._file]
        for frames in self._frames.values():
            for frame in frames:
                files += [frame.image]
                files += [label for label in frame.labels.values() if isinstance(label, Path)]
                files += [frame.previous] if frame.previous else []
        return f"manifest-{stamp_files(files)}"

    def _label(
        self,
        entry: ManifestFrame,
        label: Path | JsonLabel,
        task: ManifestTask,
        image: NDArray[np.uint8],
    ) -> NDArray[np.generic]:
        """One label in the form that ``Frame.labels`` holds."""
        if isinstance(label, Path) and not reads_json(task.spec.kind):
            values = read_label(label)
            check_size(values.shape, image.shape, label, entry.image)
            return _label_values(values, label, task)
        where = f"{label}: the label"
        if isinstance(label, Path):
            label = read_label_file(label, task.spec)
        else:
            where = f"{self._file}:{entry.line}: labels.{task.spec.name}"
        try:
            return label.array(*image.shape[:2])
        except LabelError as error:
            raise DataError(f"{where}{error}") from error


def _label_values(
    values: NDArray[np.generic], path: Path, task: ManifestTask
) -> NDArray[np.generic]:
    if task.spec.kind == "depth":
        return _metres(values, path, task)
    return class_values(values, path, task.spec.classes, task.empty)


def _metres(values: NDArray[np.generic], path: Path, task: ManifestTask) -> NDArray[np.float32]:
    """Stored values ``(H, W)`` as metres, 0 where the file holds its value for no depth."""
    stored = values.astype(np.float64)
    bad = ~(np.isfinite(stored) & (stored >= 0)) & (stored != task.empty)
    if bad.any():
        raise DataError(
            f"{path}: the depth label holds the value {stored[bad][0]}, allowed are finite "
            f"values from 0, and {task.empty} for no depth"
        )
    metres = np.where(stored == task.empty, 0, stored / task.scale)
    if metres.max(initial=0) > _MOST_METRES:
        raise DataError(
            f"{path}: the depth label holds {metres.max():g} m, at most {_MOST_METRES:g} are read; "
            "is the scale in the manifest's header right?"
        )
    return metres.astype(np.float32)
