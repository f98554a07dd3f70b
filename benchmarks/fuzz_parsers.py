"""Every reader of files that may come from somewhere else, as a function of their bytes."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import optuna
from fuzz_mutations import (
    Mutate,
    mutate_bytes,
    mutate_image,
    mutate_json,
    mutate_json_lines,
    mutate_safetensors,
    mutate_text,
)
from optuna.trial import TrialState
from PIL import Image
from rich.console import Console
from safetensors.torch import save

from nas.budget import parse_bound
from nas.compile import compile_plan
from nas.cost import cost_of
from nas.data.camvid import CamVidSource
from nas.data.deep_png import read_deep_png
from nas.data.image_files import read_label, read_rgb
from nas.data.kitti.lidar import read_scan
from nas.data.kitti.number_files import parse_numbers, read_calibration_file, read_number_lines
from nas.data.kitti.oxts import car_poses, read_packet
from nas.data.kitti.tracklets import read_tracklets
from nas.data.manifest import ManifestSource
from nas.data.source import SPLITS, DataError
from nas.data.spec import open_source
from nas.deployment import BudgetError, Deployment
from nas.network import build_network
from nas.pretrained import PretrainedError, parse_pretrained, read_pretrained
from nas.resolution import Resolution
from nas.stored_weights import StoredWeightsError, stored_network
from search_spaces.architecture import Architecture
from search_spaces.axes import read_assignment
from search_spaces.default_tasks import SEGMENTATION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.sharing import Sharing
from search_spaces.spelling import one_line
from search_spaces.task_spec import ArchitectureError
from studies.errors import StudyError
from studies.export import load_exported
from studies.export_folder import ARCHITECTURE, WEIGHTS
from studies.finalists_report import finalist_lines, finalist_tables
from studies.made_from import remembered_config
from studies.opening import load_study
from studies.plot import picture_of
from studies.report import print_report
from studies.reproduction_runs import RunFile
from studies.result import read_result
from studies.store import StudyStore

CORPUS = Path(__file__).parents[1] / "tests" / "fuzz_corpus"
_SIZE = Resolution(64, 32)
#: The smallest network there is, so that most of the time goes into reading.
_SMALL = Architecture(
    tasks=(SEGMENTATION,),
    sharing=Sharing.shared((SEGMENTATION.name,)),
    encoder=EncoderSpec(depth="resnet10", width=8),
)


@dataclass(frozen=True, kw_only=True)
class Parser:
    """One reader: ``read`` returns what it made of a file, or raises one of ``errors``.

    ``seeds`` are whole files of the format, or close to it.
    """

    name: str
    read: Callable[[bytes], object]
    mutate: Mutate
    errors: tuple[type[Exception], ...]
    seeds: Sequence[bytes] = field(repr=False)


def parsers(folder: Path) -> tuple[Parser, ...]:
    """All of them; files are written to ``folder``, which should not be on a disk."""
    os.environ["NEURALL_CACHE"] = str(folder / "cache")
    return (*_architectures(), *_data(folder), *_weights(folder), *_studies(folder), *_texts())


def _seeds(name: str) -> list[bytes]:
    files = sorted((CORPUS / name).iterdir())
    return [file.read_bytes() for file in files]


def _file(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """A reader of files as a reader of bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def run(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return run


# --- architectures --------------------------------------------------------------------------------


def _architectures() -> tuple[Parser, ...]:
    def read(data: bytes) -> object:
        architecture = Architecture.from_json(data.decode("utf-8", "surrogateescape"))
        assert Architecture.from_json(architecture.to_json()) == architecture
        return architecture.id

    def count(data: bytes) -> object:
        return cost_of(Architecture.from_json(data.decode("utf-8", "surrogateescape")))

    return tuple(
        Parser(
            name=name,
            read=reader,
            mutate=mutate_json,
            errors=(ArchitectureError,),
            seeds=_seeds("architecture"),
        )
        for name, reader in (("architecture", read), ("cost", count))
    )


# --- data -----------------------------------------------------------------------------------------


def _data(folder: Path) -> tuple[Parser, ...]:
    frames = folder / "frames"
    frames.mkdir()
    _write_frames(frames)
    readers: Mapping[str, tuple[Path, Callable[[Path], object], Mutate]] = {
        "manifest": (frames / "manifest.jsonl", _read_manifest, mutate_json_lines),
        "label": (frames / "label.json", _label_reader(frames), mutate_json),
        "camvid": (frames / "train.txt", lambda path: CamVidSource(path.parent), mutate_text),
        "image": (folder / "image", _read_images, mutate_image),
        "packet": (folder / "packet.txt", lambda p: car_poses({0: read_packet(p)}), mutate_text),
        "calibration": (folder / "calibration.txt", _read_calibration, mutate_text),
        "poses": (folder / "poses.txt", _read_poses, mutate_text),
        "tracklets": (folder / "tracklets.xml", read_tracklets, mutate_text),
        "scan": (folder / "scan.bin", read_scan, mutate_bytes),
    }
    return tuple(
        Parser(
            name=name,
            read=_file(path, read),
            mutate=mutate,
            errors=(DataError,),
            seeds=_seeds(name),
        )
        for name, (path, read, mutate) in readers.items()
    )


def _write_frames(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(2):
        image = rng.integers(0, 255, (4, 8, 3), np.uint8)
        Image.fromarray(image).save(folder / f"rgb{number}.png")
        Image.fromarray(image[..., 0] % 3).save(folder / f"label{number}.png")
    (folder / "val.txt").write_text("rgb1.png label1.png\n")


def _read_manifest(path: Path) -> object:
    source = ManifestSource(path)
    for split in SPLITS:
        for index in range(min(source.length(split), 4)):
            source.frame(split, index, _SIZE)
    return source.fingerprint()


def _label_reader(frames: Path) -> Callable[[Path], object]:
    """Reads a file as boxes in one frame and as columns in another."""
    tasks = {
        "boxes": {"kind": "detection", "classes": ["car", "person"]},
        "columns": {"kind": "stixels"},
    }
    columns = [None] * 8
    lines: list[object] = [{"neurall_manifest": 1, "name": "labels", "tasks": tasks}]
    for split, image, labels in (
        ("train", "rgb0.png", {"boxes": "label.json", "columns": columns}),
        ("val", "rgb1.png", {"boxes": [], "columns": "label.json"}),
    ):
        lines.append({"split": split, "image": image, "labels": labels})
    (frames / "label.json").touch()
    (frames / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)))
    source = ManifestSource(frames / "labels.jsonl")

    def read(_path: Path) -> object:
        try:
            return source.frame("train", 0, _SIZE)
        except DataError:
            return source.frame("val", 0, _SIZE)

    return read


def _read_images(path: Path) -> object:
    """All three readers; what none of them takes is an error."""
    shapes = []
    for read in (read_rgb, read_label, read_deep_png):
        try:
            shapes.append(read(path).shape)
        except DataError as error:
            last = error
    if not shapes:
        raise last
    return shapes


def _read_calibration(path: Path) -> object:
    file = read_calibration_file(path)
    return file.matrix("P_rect_02", 3, 4), file.rotation("R_rect_00"), file.matrix("T", 3)


def _read_poses(path: Path) -> object:
    lines = read_number_lines(path)
    return [parse_numbers(line, f"{path}:{n}", 3, 4) for n, line in enumerate(lines, start=1)]


# --- weights --------------------------------------------------------------------------------------


def _weights(folder: Path) -> tuple[Parser, ...]:
    plan = compile_plan(_SMALL)
    content = save(build_network(_SMALL).state_dict())
    exported = folder / "export"
    exported.mkdir()
    (exported / WEIGHTS).write_bytes(content)
    safetensors, pth = folder / "weights.safetensors", folder / "weights.pth"
    return (
        Parser(
            name="stored weights",
            read=lambda data: stored_network(plan, data),
            mutate=mutate_safetensors,
            errors=(StoredWeightsError,),
            seeds=[content],
        ),
        Parser(
            name="export folder",
            read=_file(exported / ARCHITECTURE, lambda path: load_exported(path.parent)),
            mutate=mutate_json,
            errors=(StudyError,),
            seeds=[_SMALL.to_json().encode(), *_seeds("architecture")],
        ),
        Parser(
            name="safetensors",
            read=_file(safetensors, lambda path: read_pretrained([f"resnet10={path}"])),
            mutate=mutate_safetensors,
            errors=(PretrainedError,),
            seeds=_seeds("safetensors"),
        ),
        Parser(
            name="pth",
            read=_file(pth, lambda path: read_pretrained([f"resnet10={path}"])),
            mutate=mutate_bytes,
            errors=(PretrainedError,),
            seeds=_seeds("pth"),
        ),
    )


# --- studies --------------------------------------------------------------------------------------


def _studies(folder: Path) -> tuple[Parser, ...]:
    database = folder / "study.db"
    return (
        Parser(
            name="study",
            read=lambda data: _read_study(_study(data, folder)),
            mutate=mutate_json,
            errors=(StudyError,),
            seeds=_seeds("study"),
        ),
        Parser(
            name="made from",
            read=lambda data: remembered_config(_study(data, folder)),
            mutate=mutate_json,
            errors=(StudyError, ArchitectureError, DataError),
            seeds=_seeds("study"),
        ),
        Parser(
            name="database",
            read=_file(database, lambda path: _read_study(load_study(f"sqlite:///{path}"))),
            mutate=mutate_bytes,
            errors=(StudyError,),
            seeds=[_database(folder, _seeds("study")[0])],
        ),
        Parser(
            name="runs",
            read=_file(folder / "runs.json", RunFile),
            mutate=mutate_json,
            errors=(StudyError,),
            seeds=_seeds("runs"),
        ),
    )


def _study(data: bytes, folder: Path) -> StudyStore:
    """A store on what a document says that Optuna's storage holds."""
    try:
        values = json.loads(data)
        trials = [
            SimpleNamespace(
                number=number,
                state=TrialState[trial["state"]],
                values=trial["values"] and [float(v) for v in trial["values"]],
                user_attrs=dict(trial["user_attrs"]),
            )
            for number, trial in enumerate(values["trials"])
        ]
        attributes = dict(values["user_attrs"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise StudyError("Optuna itself cannot hold this") from None
    study = SimpleNamespace(
        study_name="study",
        user_attrs=attributes,
        _study_id=0,
        _storage=SimpleNamespace(get_all_trials=lambda study_id, deepcopy=True: trials),
    )
    return StudyStore(cast(optuna.Study, study), f"sqlite:///{folder}/none.db")


def _read_study(store: StudyStore) -> object:
    """Everything that ``front`` and ``show`` do with a study."""
    result = read_result(store)
    text = json.dumps(result.to_json())
    console = Console(file=io.StringIO(), markup=False, width=100)
    print_report(result, console)
    if result.front:
        picture_of(result)
    if result.finalists is not None and result.finalists.trials:
        list(finalist_tables(result.finalists)), list(finalist_lines(result.finalists))
    for record in result.complete:
        try:
            store.weights(record)
        except StudyError:
            continue
    return len(text)


def _database(folder: Path, seed: bytes) -> bytes:
    """The seed of the studies as a SQLite file of Optuna's."""
    file = folder / "seed.db"
    values = json.loads(seed)
    study = optuna.create_study(
        study_name="study",
        storage=f"sqlite:///{file}",
        directions=[o["direction"] for o in values["user_attrs"]["settings"]["objectives"]],
    )
    for name, value in values["user_attrs"].items():
        study.set_user_attr(name, value)
    for trial in values["trials"]:
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState[trial["state"]],
                values=trial["values"],
                user_attrs=trial["user_attrs"],
            )
        )
    return file.read_bytes()


# --- texts of a command line ----------------------------------------------------------------------


def _texts() -> tuple[Parser, ...]:
    def parser(name: str, error: type[Exception], read: Callable[[str], object]) -> Parser:
        return Parser(
            name=name,
            read=lambda data: read(data.decode("utf-8", "surrogateescape")),
            mutate=mutate_text,
            errors=(error,),
            seeds=(CORPUS / "texts" / f"{name}.txt").read_bytes().splitlines(),
        )

    return (
        parser("budget", BudgetError, lambda text: parse_bound(text, Deployment())),
        parser("resolution", ValueError, Resolution.parse),
        parser("fix", ArchitectureError, lambda text: read_assignment(*text.partition("=")[::2])),
        parser("data", DataError, lambda text: open_source(one_line(text), seed=0)),
        parser("pretrained", PretrainedError, parse_pretrained),
    )
