from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data.manifest import ManifestSource
from nas.data.source import SPLITS, DataError
from nas.resolution import Resolution

ANY = Resolution(64, 32)
Write = Callable[..., Path]
Json = dict[str, Any]


def read_all(file: Path) -> None:
    source = ManifestSource(file)
    for split in SPLITS:
        for index in range(source.length(split)):
            source.frame(split, index, ANY)


def fails(file: Path, *parts: str) -> None:
    """Opening or reading the manifest ends in one line that holds all parts."""
    with pytest.raises(DataError) as error:
        read_all(file)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_tasks_come_from_the_header(write_manifest: Write) -> None:
    source = ManifestSource(write_manifest())
    assert source.name == "my_drive"
    depth, motion, vehicles = source.tasks
    assert (depth.kind, depth.channels, depth.positive) == ("depth", 1, True)
    assert (motion.kind, motion.classes) == ("motion", ("static", "moving"))
    assert (vehicles.name, vehicles.kind) == ("vehicles", "segmentation")
    assert vehicles.classes == ("background", "car")


def test_frames_carry_the_labels_they_have(write_manifest: Write) -> None:
    source = ManifestSource(write_manifest())
    assert [source.length(split) for split in SPLITS] == [3, 2, 1]
    assert source.has_previous
    first, second = (source.frame("train", index, ANY) for index in (0, 1))
    assert first.previous is None
    assert second.previous is not None
    np.testing.assert_array_equal(second.previous, first.image)
    assert set(first.labels) == {"depth", "motion", "vehicles"}
    assert set(second.labels) == {"depth"}


def test_stored_values_become_metres_and_ignored_ones_255(write_manifest: Write) -> None:
    file = write_manifest()
    labels = ManifestSource(file).frame("val", 0, ANY).labels
    stored = np.asarray(Image.open(file.parent / "depth/3.png"))
    assert labels["depth"].dtype == np.float32
    np.testing.assert_allclose(labels["depth"], stored / 256, rtol=1e-6)
    vehicles = np.asarray(Image.open(file.parent / "vehicles/3.png"))
    np.testing.assert_array_equal(labels["vehicles"], np.where(vehicles == 9, 255, vehicles))
    assert set(np.unique(labels["motion"])) == {0, 1, 255}


def test_depth_of_8_bits_and_another_invalid_value(write_manifest: Write, header: Json) -> None:
    header["tasks"]["depth"] |= {"scale": 2.5, "invalid": 255}
    file = write_manifest(header=header)
    Image.fromarray(np.full((40, 60), 255, np.uint8)).save(file.parent / "depth/0.png")
    Image.fromarray(np.full((40, 60), 50, np.uint8)).save(file.parent / "depth/1.png")
    source = ManifestSource(file)
    assert (source.frame("train", 0, ANY).labels["depth"] == 0).all()
    assert (source.frame("train", 1, ANY).labels["depth"] == 20).all()


def test_absolute_paths_blank_lines_and_a_byte_order_mark_are_fine(
    write_manifest: Write, frames: list[Json], header: Json
) -> None:
    file = write_manifest()
    frames[0]["image"] = str(file.parent / frames[0]["image"])
    lines = [json.dumps(line) for line in (header, *frames)]
    write_manifest(text="\ufeff" + "\n\n".join(lines) + "\n\n")
    assert ManifestSource(file).length("train") == 3


def test_without_any_previous_there_is_none(write_manifest: Write, frames: list[Json]) -> None:
    for frame in frames:
        frame.pop("previous", None)
    assert not ManifestSource(write_manifest(frames)).has_previous


def test_one_bit_masks_are_classes(write_manifest: Write) -> None:
    file = write_manifest()
    Image.fromarray(np.eye(40, 60, dtype=bool)).save(file.parent / "motion/0.png")
    label = ManifestSource(file).frame("train", 0, ANY).labels["motion"]
    np.testing.assert_array_equal(label, np.eye(40, 60, dtype=np.uint8))


def test_fingerprint_follows_manifest_and_files(write_manifest: Write, frames: list[Json]) -> None:
    file = write_manifest()
    before = ManifestSource(file).fingerprint()
    assert ManifestSource(file).fingerprint() == before
    Image.new("L", (60, 40)).save(file.parent / "motion/5.png")
    changed = ManifestSource(file).fingerprint()
    assert changed != before
    frames.pop(1)
    assert ManifestSource(write_manifest(frames)).fingerprint() not in (before, changed)


# Wrong manifests. Each case edits the header or one frame and says what the error must hold.

HEADER_CASES: dict[str, tuple[Callable[[Json], object], tuple[str, ...]]] = {
    "version": (lambda h: h.update(neurall_manifest=2), (":1: neurall_manifest is 2", "reads 1")),
    "no name": (lambda h: h.pop("name"), (":1: name is missing",)),
    "name": (lambda h: h.update(name=3), (":1: name is 3",)),
    "two lines": (lambda h: h.update(name="a\nb"), (':1: name is "a\\nb", give a text of one',)),
    "key": (lambda h: h.update(task={}), (":1: header field 'task'", "did you mean 'tasks'?")),
    "tasks": (lambda h: h.update(tasks={}), (":1: tasks is {}",)),
    "tasks type": (lambda h: h.update(tasks=["depth"]), (':1: tasks is ["depth"]',)),
    "kind": (
        lambda h: h["tasks"]["depth"].update(kind="dept"),
        (':1: tasks.depth.kind is "dept"', "did you mean 'depth'?"),
    ),
    "kind type": (
        lambda h: h["tasks"]["depth"].update(kind=["depth"]),
        (':1: tasks.depth.kind is ["depth"], use segmentation, depth, motion',),
    ),
    "no kind": (lambda h: h["tasks"]["depth"].pop("kind"), ("tasks.depth.kind is missing",)),
    "option": (
        lambda h: h["tasks"]["motion"].update(ingore=3),
        ("tasks.motion field 'ingore'", "did you mean 'ignore'?"),
    ),
    "task name": (lambda h: h["tasks"].update({"De pth": {"kind": "motion"}}), ("'De pth'",)),
    "no scale": (lambda h: h["tasks"]["depth"].pop("scale"), ("tasks.depth.scale is missing",)),
    "scale": (lambda h: h["tasks"]["depth"].update(scale=0), ("tasks.depth.scale is 0", "256")),
    "scale type": (lambda h: h["tasks"]["depth"].update(scale=True), ("scale is true",)),
    "scale nan": (lambda h: h["tasks"]["depth"].update(scale=float("nan")), ("scale is NaN",)),
    "scale size": (lambda h: h["tasks"]["depth"].update(scale=10**400), ("depth.scale is 1000",)),
    "invalid": (lambda h: h["tasks"]["depth"].update(invalid="0"), ('depth.invalid is "0"',)),
    "invalid size": (
        lambda h: h["tasks"]["depth"].update(invalid=10**400),
        ("depth.invalid is 1000", "give an integer from 0"),
    ),
    "classes": (
        lambda h: h["tasks"]["vehicles"].update(classes=["car"]),
        ('tasks.vehicles.classes is ["car"], give a list of 2 to 254 names',),
    ),
    "class types": (
        lambda h: h["tasks"]["vehicles"].update(classes=["car", 1]),
        ("tasks.vehicles.classes",),
    ),
    "twin classes": (
        lambda h: h["tasks"]["vehicles"].update(classes=["car", "car"]),
        ("vehicles.classes names a class twice",),
    ),
    "ignore": (
        lambda h: h["tasks"]["vehicles"].update(ignore=1),
        ("tasks.vehicles.ignore is 1, which is also the class 'car'; give 2 or more",),
    ),
}


@pytest.mark.parametrize("case", HEADER_CASES)
def test_wrong_header_is_named(write_manifest: Write, header: Json, case: str) -> None:
    edit, parts = HEADER_CASES[case]
    edit(header)
    fails(write_manifest(header=header), "manifest.jsonl", *parts)


FRAME_CASES: dict[str, tuple[Callable[[Json], object], tuple[str, ...]]] = {
    "split": (lambda f: f.update(split="trian"), (':3: split is "trian"', "mean 'train'?")),
    "no split": (lambda f: f.pop("split"), (":3: split is missing, use train, val, test",)),
    "split type": (lambda f: f.update(split=[]), (":3: split is []",)),
    "no image": (lambda f: f.pop("image"), (":3: image is missing",)),
    "image type": (lambda f: f.update(image=7), (":3: image is 7, give the path of a file",)),
    "image file": (
        lambda f: f.update(image="rgb/99.png"),
        (":3: image: ", "99.png: the file does"),
    ),
    "image folder": (lambda f: f.update(image="rgb"), (":3: image: ", "rgb: the file is a folder")),
    "previous": (lambda f: f.update(previous="x.png"), (":3: previous: ", "does not exist")),
    "no labels": (lambda f: f.pop("labels"), (":3: labels is missing",)),
    "empty labels": (lambda f: f.update(labels={}), (":3: labels is {}",)),
    "label task": (
        lambda f: f.update(labels={"dept": "depth/1.png"}),
        (":3: labels: task 'dept' is unknown", "did you mean 'depth'?"),
    ),
    "label file": (
        lambda f: f.update(labels={"depth": "depth/99.png"}),
        (":3: labels.depth: ", "depth/99.png: the file does not exist"),
    ),
    "null byte": (lambda f: f.update(image="rgb/\0.png"), (":3: image is ", "the path of a file")),
    "key": (lambda f: f.update(prevoius="x"), (":3: frame field 'prevoius'", "mean 'previous'?")),
}


@pytest.mark.parametrize("case", FRAME_CASES)
def test_wrong_frame_is_named_with_its_line(
    write_manifest: Write, frames: list[Json], case: str
) -> None:
    edit, parts = FRAME_CASES[case]
    edit(frames[1])
    fails(write_manifest(frames), "manifest.jsonl", *parts)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is empty; its first line is a header like {"),
        ("\n \n", "is empty"),
        ("rgb/0.png depth/0.png\n", ":1: is not JSON"),
        ('["rgb/0.png"]\n', ':1: ["rgb/0.png"] is not a JSON object'),
        ('{"image": "rgb/0.png"}\n', ":1: the header is missing; the first line is one like {"),
        ("[" * 100_000, ":1: is not JSON"),
    ],
    ids=["empty", "blank", "list", "array", "no header", "deep"],
)
def test_text_that_is_no_manifest_is_explained(write_manifest: Write, text: str, part: str) -> None:
    fails(write_manifest(text=text), part)


def test_broken_json_is_named_with_its_line(write_manifest: Write, header: Json) -> None:
    fails(write_manifest(text=json.dumps(header) + '\n{"split": "train",\n'), ":2: is not JSON")


def test_manifest_that_is_missing_a_folder_or_binary_is_named(tmp_path: Path) -> None:
    fails(tmp_path / "none.jsonl", "none.jsonl: the file does not exist")
    fails(tmp_path, f"{tmp_path}: the file is a folder")
    (tmp_path / "image.jsonl").write_bytes(b"\x89PNG\r\n\xff")
    fails(tmp_path / "image.jsonl", "image.jsonl: is not UTF-8 text")


@pytest.mark.parametrize("split", ["train", "val"])
def test_missing_split_is_named(write_manifest: Write, frames: list[Json], split: str) -> None:
    others = [frame for frame in frames if frame["split"] != split]
    fails(write_manifest(others), f'no frame has "split": "{split}"')


def test_missing_test_split_is_fine(write_manifest: Write, frames: list[Json]) -> None:
    assert ManifestSource(write_manifest(frames[:-1])).length("test") == 0


def test_task_without_a_label_in_a_split_is_named(
    write_manifest: Write, frames: list[Json]
) -> None:
    for frame in frames[3:5]:
        del frame["labels"]["motion"]
    fails(write_manifest(frames), "no frame of split val has a label of task motion")


def test_image_in_two_splits_is_named(write_manifest: Write, frames: list[Json]) -> None:
    frames[4] = copy.deepcopy(frames[0]) | {"split": "val"}
    fails(write_manifest(frames), ":6: image ", "in split val", "in split train on line 2")


def test_image_in_two_splits_is_found_under_another_spelling(
    write_manifest: Write, frames: list[Json]
) -> None:
    frames[4] = copy.deepcopy(frames[0]) | {"split": "val"}
    folder, _, name = frames[0]["image"].rpartition("/")
    assert folder
    frames[4]["image"] = f"{folder}/../{folder}/{name}"
    fails(write_manifest(frames), ":6: image ", "in split val", "in split train on line 2")


@pytest.mark.parametrize(
    ("name", "image", "parts"),
    [
        ("motion/2.png", Image.new("L", (59, 40)), ("59x40 pixels", "rgb/2.png has 60x40")),
        ("motion/2.png", Image.new("L", (60, 40), 7), ("value 7", "(static, moving)")),
        ("vehicles/2.png", Image.new("L", (60, 40), 255), ("value 255", "9 for no label")),
        ("vehicles/2.png", Image.new("RGB", (60, 40)), ("mode RGB", "one channel")),
        ("depth/2.png", Image.new("RGBA", (60, 40)), ("mode RGBA", "one channel")),
        ("rgb/1.png", Image.new("RGB", (61, 40)), ("has 61x40", "of one size")),
        ("rgb/2.png", Image.new("I;16", (60, 40)), ("mode I;16", "8-bit RGB")),
    ],
    ids=["size", "value", "ignore", "colour", "alpha", "previous", "deep"],
)
def test_wrong_image_is_named(
    write_manifest: Write, name: str, image: Image.Image, parts: tuple[str, ...]
) -> None:
    file = write_manifest()
    image.save(file.parent / name)
    fails(file, name, *parts)


def test_depth_that_is_not_finite_is_named(write_manifest: Write, frames: list[Json]) -> None:
    frames[2]["labels"]["depth"] = "depth/2.tiff"
    metres = np.full((40, 60), np.inf, np.float32)
    (write_manifest().parent / "depth/2.tiff").touch()
    file = write_manifest(frames)
    Image.fromarray(metres).save(file.parent / "depth/2.tiff")
    fails(file, "depth/2.tiff: the depth label holds the value inf")


@pytest.mark.real_data
@pytest.mark.parametrize("depth", ["depth_lidar", "depth_sgm"])
def test_recorded_drive_through_the_example_script(
    recorded: Path, tmp_path: Path, depth: str
) -> None:
    script = Path(__file__).parents[3] / "examples" / "kitti_manifest.py"
    spec = importlib.util.spec_from_file_location("kitti_manifest", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    out = tmp_path / "drive.jsonl"
    module.main([str(recorded / "kitti_drive_0005"), str(out), "--depth", depth])
    source = ManifestSource(out)
    assert [source.length(split) for split in SPLITS] == [99, 22, 12]
    frame = source.frame("val", 0, ANY)
    metres = frame.labels["depth"]
    valid = metres[metres > 0]
    assert (0.1 if depth == "depth_lidar" else 0.5) < valid.size / metres.size < 0.9
    assert 5 < np.median(valid) < 20
    assert frame.previous is not None
    assert set(np.unique(frame.labels["motion"])) <= {0, 1, 255}
    lines = [json.loads(line) for line in out.read_text().splitlines()[1:]]
    numbers = {s: [int(Path(f["image"]).stem) for f in lines if f["split"] == s] for s in SPLITS}
    assert min(numbers["train"]) - max(numbers["test"]) > 10
    assert min(numbers["val"]) - max(numbers["train"]) > 10
