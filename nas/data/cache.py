"""Decoded frames on disk at training resolution, memory-mapped, built once and shared.

A cache is a folder of ``.npy`` files and a ``meta.json`` that says what they are and how long they
must be. It is built beside its place and moved there in one step, so that it is whole or absent;
what a crash left is noticed by ``meta.json`` and rebuilt. Any cache may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from nas.data.cache_folder import build_folder, discard, read_meta, writing
from nas.data.decoding import DecodedChunk, DecodingJob, decode
from nas.data.source import DataError, DataSource, Split
from nas.resolution import Resolution
from nas.tasks.task import Array, Task
from search_spaces.task_spec import TaskSpec

#: Called with the frames done and the frames in all.
Progress = Callable[[int, int], None]

#: Counts up when the same source would be cached differently.
_FORMAT = 1
_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class CachedFrames:
    """A split of a source, ready to train on; arrays are read-only and memory-mapped.

    ``images`` is ``(N, S, 3, H, W)`` uint8 RGB, stream 0 the current frame and stream 1 the
    previous one where the source has any (the current one again where a frame has none).
    ``labels`` holds ``(N, …)`` by task, in the task's type; ``labelled``, ``(N,)`` by task,
    tells which frames have that label, the others are filled with the task's ``unlabelled``.
    """

    source_name: str
    split: Split
    tasks: tuple[TaskSpec, ...]
    has_previous: bool
    images: NDArray[np.uint8]
    labels: Mapping[str, Array]
    labelled: Mapping[str, NDArray[np.bool_]]

    def __len__(self) -> int:
        return len(self.images)

    def __getstate__(self) -> dict[str, Any]:
        """Files by their place: a process of this machine maps them itself."""
        labels = {name: _placed(array) for name, array in self.labels.items()}
        return {**self.__dict__, "images": _placed(self.images), "labels": labels}

    def __setstate__(self, state: dict[str, Any]) -> None:
        labels = {name: _mapped(array) for name, array in state["labels"].items()}
        self.__dict__.update({**state, "images": _mapped(state["images"]), "labels": labels})

    def in_memory(self) -> CachedFrames:
        """The same without files, to be sent to other machines."""
        labels = {name: np.array(array) for name, array in self.labels.items()}
        return replace(self, images=np.array(self.images), labels=labels)

    @property
    def resolution(self) -> Resolution:
        """Size of the frames."""
        return Resolution(self.images.shape[4], self.images.shape[3])


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where an array lies in a file."""

    file: str
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def _placed(array: NDArray[Any]) -> NDArray[Any] | _Place:
    if not isinstance(array, np.memmap) or array.filename is None:
        return array
    file = str(array.filename)
    return _Place(file=file, offset=array.offset, shape=array.shape, dtype=array.dtype)


def _mapped(stored: NDArray[Any] | _Place) -> NDArray[Any]:
    if not isinstance(stored, _Place):
        return stored
    return np.memmap(
        stored.file, mode="r", offset=stored.offset, shape=stored.shape, dtype=stored.dtype
    )


def cache_root() -> Path:
    """Where caches lie: ``$NEURALL_CACHE``, or the user's cache folder."""
    given = os.environ.get("NEURALL_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("neurall-search"))


def prepare(
    source: DataSource,
    split: Split,
    resolution: Resolution,
    *,
    tasks: Mapping[str, Task],
    cache_dir: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> CachedFrames:
    """Frames of a split from the cache, decoded into it first where they are not there yet.

    ``tasks`` are stored as far as the source labels them; the cache is keyed by them, so give all
    of a study's tasks each time. Images are squeezed to ``resolution`` where their aspect ratio
    differs. Every frame and label is read and checked before this returns. ``workers`` is the
    number of processes, by default one a processor; it does not change the result.

    Raises ``DataError`` for a broken frame, an empty split, or a folder that cannot be written.
    """
    job = _job(source, split, resolution, tasks)
    identity = _identity(job)
    folder = _folder(cache_root() if cache_dir is None else cache_dir, job, identity)
    for _ in range(_ATTEMPTS):
        found = _open(folder, identity, job)
        if found is not None:
            return found
        discard(folder)
        _build(folder, identity, job, workers or _processors(), progress)
    raise DataError(
        f"{folder}: the cache was damaged or deleted as often as it was built ({_ATTEMPTS} "
        "times); set NEURALL_CACHE to a folder that nothing else cleans"
    )


def is_prepared(
    source: DataSource, split: Split, resolution: Resolution, *, tasks: Mapping[str, Task]
) -> bool:
    """Whether ``prepare`` would find the frames decoded already."""
    job = _job(source, split, resolution, tasks)
    identity = _identity(job)
    return _open(_folder(cache_root(), job, identity), identity, job) is not None


def _folder(root: Path, job: DecodingJob, identity: dict[str, object]) -> Path:
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return root / f"{_slug(job.source.name)}-{job.split}-{job.resolution}-{digest[:20]}"


def _job(
    source: DataSource, split: Split, resolution: Resolution, tasks: Mapping[str, Task]
) -> DecodingJob:
    if source.length(split) == 0:
        raise DataError(f"{source.name}: the split {split} has no frames")
    for spec in source.tasks:
        if spec.name in tasks and tasks[spec.name].spec != spec:
            raise DataError(
                f"{source.name}: task {spec.name} is {spec} in the data, but "
                f"{tasks[spec.name].spec} was asked for"
            )
    labelled = {spec.name: tasks[spec.name] for spec in source.tasks if spec.name in tasks}
    return DecodingJob(source=source, split=split, resolution=resolution, tasks=labelled)


def _identity(job: DecodingJob) -> dict[str, object]:
    """All that the cached bytes depend on, as JSON."""
    return {
        "format": _FORMAT,
        "source": job.source.fingerprint(),
        "split": job.split,
        "resolution": str(job.resolution),
        "streams": job.streams,
        "tasks": [
            [repr(task.spec), f"{type(task).__module__}.{type(task).__qualname__}"]
            for _, task in sorted(job.tasks.items())
        ],
    }


def _arrays(job: DecodingJob) -> dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]]:
    """Shape and type of every array of a cache, by file name."""
    frames = job.source.length(job.split)
    size = (job.resolution.height, job.resolution.width)
    arrays: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]] = {
        "images.npy": ((frames, job.streams, 3, *size), np.dtype(np.uint8))
    }
    for name, task in job.tasks.items():
        shape = (frames, *task.label_shape(job.resolution))
        arrays[f"label-{name}.npy"] = (shape, np.dtype(task.label_dtype))
        arrays[f"labelled-{name}.npy"] = ((frames,), np.dtype(np.bool_))
    return arrays


def _parts(chunk: DecodedChunk) -> dict[str, Array]:
    """The rows that a chunk adds to every array, by file name."""
    parts: dict[str, Array] = {"images.npy": chunk.images}
    for name, label in chunk.labels.items():
        parts[f"label-{name}.npy"] = label
        parts[f"labelled-{name}.npy"] = chunk.labelled[name]
    return parts


def _open(folder: Path, identity: dict[str, object], job: DecodingJob) -> CachedFrames | None:
    """The cache in a folder, or None where it is absent, half-written, stale or damaged."""
    wanted = _arrays(job)
    if read_meta(folder, wanted) != identity:
        return None
    try:
        arrays = {
            name: np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in wanted
        }
    except (OSError, ValueError):
        return None
    if any((array.shape, array.dtype) != wanted[name] for name, array in arrays.items()):
        return None
    return CachedFrames(
        source_name=job.source.name,
        split=job.split,
        tasks=tuple(task.spec for task in job.tasks.values()),
        has_previous=job.source.has_previous,
        images=arrays["images.npy"],
        labels={name: arrays[f"label-{name}.npy"] for name in job.tasks},
        labelled={name: np.array(arrays[f"labelled-{name}.npy"]) for name in job.tasks},
    )


def _build(
    folder: Path,
    identity: dict[str, object],
    job: DecodingJob,
    workers: int,
    progress: Progress | None,
) -> None:
    total, done = job.source.length(job.split), 0
    with (
        build_folder(folder, identity, _arrays(job)) as arrays,
        closing(decode(job, workers)) as chunks,
    ):
        for chunk in chunks:
            with writing(folder.parent):
                for name, rows in _parts(chunk).items():
                    arrays[name].append(rows)
            done += len(chunk.images)
            if progress is not None:
                progress(done, total)


def _processors() -> int:
    """Processors that this process may use; on Linux less than the machine has, in containers."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", name)[:40] or "data"
