from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nas.data.camvid import CamVidSource
from nas.data.manifest import ManifestSource
from nas.data.source import DataError
from nas.data.spec import DATA_KINDS, open_source, tasks_of
from nas.resolution import Resolution

Write = Callable[..., Path]


def error_of(spec: str) -> str:
    with pytest.raises(DataError) as error:
        open_source(spec, seed=0)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_names_open_their_sources(camvid: Path, write_manifest: Write) -> None:
    assert isinstance(open_source(f"camvid:{camvid}", seed=0), CamVidSource)
    assert isinstance(open_source(f"manifest:{write_manifest()}", seed=0), ManifestSource)


@pytest.mark.parametrize("name", [kind.name for kind in DATA_KINDS.values() if kind.path])
def test_a_path_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    assert error_of(f"{name}:{tmp_path}/none").startswith(f"{tmp_path}/none: the f")


@pytest.mark.parametrize("name", DATA_KINDS)
def test_every_kind_of_data_is_documented(name: str) -> None:
    docs = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    assert f"| `{name}" in docs


def test_synthetic_takes_its_seed() -> None:
    first, same, other = (open_source("synthetic", seed=seed) for seed in (3, 3, 4))
    assert first.name == "synthetic"
    assert first.fingerprint() == same.fingerprint() != other.fingerprint()


def test_renaming_reaches_specs_labels_and_fingerprint(write_manifest: Write) -> None:
    spec = f"manifest:{write_manifest()}"
    plain = open_source(spec, seed=0)
    renamed = open_source(f"{spec}#vehicles=cars, motion=moving", seed=0)
    assert [task.name for task in renamed.tasks] == ["depth", "moving", "cars"]
    assert renamed.tasks[2].classes == plain.tasks[2].classes
    frame = renamed.frame("val", 0, Resolution(64, 32))
    assert set(frame.labels) == {"depth", "moving", "cars"}
    assert renamed.fingerprint() != plain.fingerprint()
    assert (renamed.name, renamed.has_previous) == (plain.name, plain.has_previous)
    assert renamed.length("train") == plain.length("train")


def test_tasks_can_swap_names(write_manifest: Write) -> None:
    source = open_source(f"manifest:{write_manifest()}#vehicles=motion,motion=vehicles", seed=0)
    assert [(task.name, task.kind) for task in source.tasks][1:] == [
        ("vehicles", "motion"),
        ("motion", "segmentation"),
    ]


def test_paths_may_hold_colons_and_hashes(camvid: Path) -> None:
    odd = camvid.parent / "a:b#c"
    camvid.rename(odd)
    assert isinstance(open_source(f"camvid:{odd}", seed=0), CamVidSource)
    assert open_source(f"camvid:{odd}#segmentation=scene", seed=0).tasks[0].name == "scene"


def test_unknown_name_lists_what_there_is() -> None:
    message = error_of("camvidd:/data")
    assert "'camvidd' is unknown, there are synthetic, kitti:FOLDER, camvid:FOLDER, " in message
    assert "manifest:FILE" in message
    assert "did you mean 'camvid'?" in message
    assert "'' is unknown" in error_of("")


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("camvid", "the path is missing, write camvid:FOLDER"),
        ("manifest:", "the path is missing, write manifest:FILE"),
        ("synthetic:/data", "synthetic takes no path"),
        ("camvid:/nowhere/at/all", "/nowhere/at/all: the folder does not exist"),
        ("manifest:/nowhere.jsonl", "/nowhere.jsonl: the file does not exist"),
        ("synthetic#depht=far", "cannot rename 'depht', its tasks are"),
        ("synthetic#depth=motion", "two tasks would be named alike"),
        ("synthetic#depth=Far Away", "task name 'Far Away'"),
        ("synthetic#depth=a,depth=b", "task depth is renamed twice"),
    ],
)
def test_wrong_spec_is_explained(spec: str, part: str) -> None:
    assert part in error_of(spec)


def test_tasks_of_several_sources_are_merged_once(camvid: Path, write_manifest: Write) -> None:
    sources = [
        open_source(f"manifest:{write_manifest()}", seed=0),
        open_source(f"camvid:{camvid}", seed=0),
        open_source(f"camvid:{camvid}#segmentation=scene", seed=0),
    ]
    names = [task.name for task in tasks_of(sources)]
    assert names == ["depth", "motion", "vehicles", "segmentation", "scene"]


def test_sources_that_agree_feed_one_task(write_manifest: Write) -> None:
    file = write_manifest()
    other = file.with_name("other.jsonl")
    other.write_text(file.read_text().replace("my_drive", "your_drive"))
    sources = [open_source(f"manifest:{path}", seed=0) for path in (file, other)]
    assert [task.name for task in tasks_of(sources)] == ["depth", "motion", "vehicles"]


def test_disagreement_tells_both_lists_and_how_to_rename(
    camvid: Path, write_manifest: Write
) -> None:
    sources = [
        open_source(f"camvid:{camvid}#segmentation=vehicles", seed=0),
        open_source(f"manifest:{write_manifest()}", seed=0),
    ]
    with pytest.raises(DataError) as error:
        tasks_of(sources)
    message = str(error.value)
    assert "task vehicles: camvid has segmentation of 11 classes (sky, building" in message
    assert "my_drive has segmentation of 2 classes (background, car)" in message
    assert "#vehicles=another_name" in message


def test_source_given_twice_is_refused(camvid: Path) -> None:
    sources = [open_source(f"camvid:{camvid}", seed=0) for _ in range(2)]
    with pytest.raises(DataError, match="data camvid is given twice"):
        tasks_of(sources)
    with pytest.raises(DataError, match="no data is given"):
        tasks_of([])
