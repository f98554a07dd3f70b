"""Data as a command line names it: ``NAME``, ``NAME:PATH``, ``NAME:PATH#old=new,old=new``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.data.camvid import CamVidSource
from nas.data.cityscapes import CityscapesSource
from nas.data.manifest import ManifestSource
from nas.data.renaming import RenamedSource
from nas.data.source import DataError, DataSource, SelectiveSource
from nas.data.synthia import SynthiaSource
from nas.data.woodscape import WoodScapeSource
from nas.fidelity import FIDELITIES, Fidelity
from search_spaces.spelling import closest, one_line
from search_spaces.task_spec import TaskSpec

_RENAMING = re.compile(r"#(\s*[^#=,/\\]+=[^#=,/\\]+(?:,[^#=,/\\]+=[^#=,/\\]+)*)$")


@dataclass(frozen=True, kw_only=True)
class DataKind:
    """One name that ``--data`` knows: what it reads, and how it is opened from a path and a
    seed."""

    name: str
    path: str | None
    summary: str
    open: Callable[[Path, int, Fidelity], DataSource]


def _open_synthetic(_path: Path, seed: int, fidelity: Fidelity) -> DataSource:
    from nas.data.synthetic import SyntheticSource  # the renderer is needed only here

    return SyntheticSource(seed=seed, train=fidelity.train, val=fidelity.val, test=fidelity.test)


def _open_kitti(path: Path, _seed: int, _fidelity: Fidelity) -> DataSource:
    from nas.data.kitti import open_kitti  # three readers in twenty files, needed only here

    return open_kitti(path)


DATA_KINDS: Mapping[str, DataKind] = {
    kind.name: kind
    for kind in (
        DataKind(
            name="synthetic",
            path=None,
            summary="a procedural driving world with labels for all tasks",
            open=_open_synthetic,
        ),
        DataKind(
            name="kitti",
            path="FOLDER",
            summary="KITTI as unpacked: raw drives (depth, motion, detection, odometry), the 2015 "
            "benchmark (segmentation, depth, motion), or odometry",
            open=_open_kitti,
        ),
        DataKind(
            name="camvid",
            path="FOLDER",
            summary="CamVid: the folder with train.txt and val.txt; segmentation",
            open=lambda path, _seed, _fidelity: CamVidSource(path),
        ),
        DataKind(
            name="manifest",
            path="FILE",
            summary="your own frames, listed in a JSON Lines file; see docs/data.md",
            open=lambda path, _seed, _fidelity: ManifestSource(path),
        ),
        DataKind(
            name="cityscapes",
            path="FOLDER",
            summary="Cityscapes: the folder with leftImg8bit; segmentation, detection, depth",
            open=lambda path, _seed, _fidelity: CityscapesSource(path),
        ),
        DataKind(
            name="synthia",
            path="FOLDER",
            summary="SYNTHIA: the folder of a video sequence or of several; segmentation, depth",
            open=lambda path, _seed, _fidelity: SynthiaSource(path),
        ),
        DataKind(
            name="woodscape",
            path="FOLDER",
            summary="WoodScape: the folder with rgb_images; segmentation, motion, boxes, soiling",
            open=lambda path, _seed, _fidelity: WoodScapeSource(path),
        ),
    )
}


def open_source(spec: str, *, seed: int, fidelity: Fidelity = FIDELITIES["quick"]) -> DataSource:
    """Open the data that a ``--data`` argument names.

    ``seed`` is that of the synthetic world, ``fidelity`` says how many frames it has. Raises
    ``DataError`` for an unknown name, a path that is missing or superfluous, a renaming that does
    not fit, and data that is broken.
    """
    rest, names = _split_renaming(spec)
    name, colon, path = rest.partition(":")
    kind = _kind(spec, name)
    if kind.path is None and colon:
        raise DataError(f"data {one_line(spec)!r}: {name} takes no path, write {name}")
    if kind.path is not None and not path:
        raise DataError(f"data {one_line(spec)!r}: the path is missing, write {name}:{kind.path}")
    try:
        source = kind.open(Path(path).expanduser(), seed, fidelity)
    except (OSError, RuntimeError) as error:  # a name that is too long; the home of nobody
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"data {one_line(spec)!r}: {reason}") from error
    return RenamedSource(source, names) if names else source


def resolved_spec(spec: str) -> str:
    """The same data from any working directory: its path made absolute, if it has one."""
    rest, _ = _split_renaming(spec)
    name, colon, path = rest.partition(":")
    if not colon or not path:
        return spec
    return f"{name}:{os.path.abspath(Path(path).expanduser())}{spec[len(rest) :]}"


def tasks_of(sources: Sequence[DataSource]) -> tuple[TaskSpec, ...]:
    """The tasks that the sources label together, each once, in the order of first mention.

    Raises ``DataError`` for no source, for one given twice, and where two sources label one task
    differently: they would have to agree on kind and classes.
    """
    if not sources:
        raise DataError("no data is given, use for example --data synthetic")
    _refuse_twins(sources)
    merged: dict[str, tuple[TaskSpec, DataSource]] = {}
    for source in sources:
        for spec in source.tasks:
            known, owner = merged.setdefault(spec.name, (spec, source))
            if known != spec:
                raise _disagreement(known, owner, spec, source)
    return tuple(spec for spec, _ in merged.values())


def default_tasks_of(sources: Sequence[DataSource]) -> tuple[TaskSpec, ...]:
    """The tasks that are trained where none is named: all, but of a source that names its own.

    Raises ``DataError`` as ``tasks_of`` does.
    """
    wanted: set[str] = set()
    for source in sources:
        if isinstance(source, SelectiveSource):
            wanted.update(source.default_tasks)
        else:
            wanted.update(task.name for task in source.tasks)
    return tuple(spec for spec in tasks_of(sources) if spec.name in wanted)


def _split_renaming(spec: str) -> tuple[str, dict[str, str]]:
    match = _RENAMING.search(spec)
    if match is None:
        return spec, {}
    names: dict[str, str] = {}
    for pair in match[1].split(","):
        old, new = (part.strip() for part in pair.split("="))
        if old in names:
            raise DataError(f"data {one_line(spec)!r}: task {old} is renamed twice")
        names[old] = new
    return spec[: match.start()], names


def _kind(spec: str, name: str) -> DataKind:
    if name in DATA_KINDS:
        return DATA_KINDS[name]
    known = ", ".join(
        kind.name if kind.path is None else f"{kind.name}:{kind.path}"
        for kind in DATA_KINDS.values()
    )
    close = closest(name, DATA_KINDS)
    hint = f"; did you mean {close!r}?" if close else ""
    raise DataError(
        f"data {one_line(spec)!r}: {one_line(name)!r} is unknown, there are {known}{hint}"
    )


def _refuse_twins(sources: Sequence[DataSource]) -> None:
    seen: set[str] = set()
    for source in sources:
        fingerprint = source.fingerprint()
        if fingerprint in seen:
            raise DataError(f"data {source.name} is given twice, give it once")
        seen.add(fingerprint)


def _disagreement(
    known: TaskSpec, owner: DataSource, spec: TaskSpec, source: DataSource
) -> DataError:
    return DataError(
        f"task {spec.name}: {owner.name} has {_described(known)}, but {source.name} has "
        f"{_described(spec)}; let them agree, or rename one by ending its --data with "
        f"#{spec.name}=another_name"
    )


def _described(spec: TaskSpec) -> str:
    classes = f" of {len(spec.classes)} classes ({', '.join(spec.classes)})" if spec.classes else ""
    return f"{spec.kind}{classes}"
