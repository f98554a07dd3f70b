"""Manifests whose labels are JSON values: boxes, columns, poses, classes, calibrations."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data.manifest import ManifestSource
from nas.data.source import SPLITS, DataError
from nas.resolution import Resolution
from tests.nas.data.source_contract import check_every_frame

ANY = Resolution(64, 32)
#: Generated frames are 40 rows of 60 pixels, as everywhere in these tests.
ROWS, COLUMNS = 40, 60
Write = Callable[..., Path]
Json = dict[str, Any]

TASKS: Json = {
    "objects": {"kind": "detection", "classes": ["car", "person"]},
    "odometry": {"kind": "odometry"},
    "weather": {"kind": "classification", "classes": ["clear", "rain"]},
    "dirt": {"kind": "tiles", "classes": ["clean", "dirty"], "ignore": 9},
    "stixels": {"kind": "stixels"},
    "calibration": {"kind": "calibration"},
}
LABELS: Json = {
    "objects": [["person", 6, 10, 12, 30], ["ignore", 0, 0, 60, 4], [None, 50, 0, 90, 40]],
    "odometry": [0.1, -0.2, 0.9, 0.0, 0.02, 0.0],
    "weather": "rain",
    "dirt": "vehicles/0.png",
    "stixels": [[30, 10]] * 58 + ["free", None],
    "calibration": {"vanishing_point": [33, 15], "focal": [45, 44]},
}


@pytest.fixture
def header() -> Json:
    return {"neurall_manifest": 1, "name": "drive", "tasks": copy.deepcopy(TASKS)}


@pytest.fixture
def frames() -> list[Json]:
    """Six frames, each with every label, each following the one before it."""
    splits = ("train", "train", "train", "val", "val", "test")
    return [
        {
            "split": split,
            "image": f"rgb/{index}.png",
            "previous": f"rgb/{max(index - 1, 0)}.png",
            "labels": copy.deepcopy(LABELS),
        }
        for index, split in enumerate(splits)
    ]


def read(file: Path, index: int = 0) -> dict[str, np.ndarray]:
    return dict(ManifestSource(file).frame("train", index, ANY).labels)


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


def test_tasks_know_their_outputs(write_manifest: Write, header: Json, frames: list[Json]) -> None:
    source = ManifestSource(write_manifest(frames, header))
    specs = {spec.name: spec for spec in source.tasks}
    shapes = {
        name: (spec.kind, spec.channels, spec.output_stride, spec.classes)
        for name, spec in specs.items()
    }
    assert shapes == {
        "objects": ("detection", 6, 4, ("car", "person")),
        "odometry": ("odometry", 6, 0, ()),
        "weather": ("classification", 2, 0, ("clear", "rain")),
        "dirt": ("tiles", 2, 16, ("clean", "dirty")),
        "stixels": ("stixels", 3, 4, ()),
        "calibration": ("calibration", 1, 8, ()),
    }


def test_boxes_are_shares_of_the_frame_and_ignored_ones_255(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    label = read(write_manifest(frames, header))["objects"]
    np.testing.assert_allclose(
        label,
        [[1, 0.1, 0.25, 0.2, 0.75], [255, 0, 0, 1, 0.1], [255, 50 / 60, 0, 1, 1]],
        rtol=1e-6,
    )
    assert label.dtype == np.float32


def test_a_frame_labelled_without_objects_has_no_row(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    frames[0]["labels"]["objects"] = []
    assert read(write_manifest(frames, header))["objects"].shape == (0, 5)


def test_columns_are_shares_of_the_height(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    label = read(write_manifest(frames, header))["stixels"]
    assert label.shape == (2, COLUMNS)
    np.testing.assert_allclose(label[:, 0], [0.75, 0.25])
    np.testing.assert_array_equal(label[:, 58:], [[2, -1], [2, -1]])


@pytest.mark.parametrize("task", ["objects", "stixels"])
def test_boxes_and_columns_may_lie_in_files(
    write_manifest: Write, header: Json, frames: list[Json], task: str
) -> None:
    inline = read(write_manifest(frames, header))[task]
    file = write_manifest()
    (file.parent / "label.json").write_text(json.dumps(LABELS[task]))
    frames[0]["labels"][task] = "label.json"
    write_manifest(frames, header)
    np.testing.assert_array_equal(read(file)[task], inline)
    before = ManifestSource(file).fingerprint()
    (file.parent / "label.json").write_text(json.dumps(LABELS[task]) + "\n")
    assert ManifestSource(file).fingerprint() != before


def test_class_names_are_indices(write_manifest: Write, header: Json, frames: list[Json]) -> None:
    label = read(write_manifest(frames, header))["weather"]
    assert (label.shape, label.dtype, int(label)) == ((), np.uint8, 1)


def test_tiles_are_read_from_images(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    file = write_manifest(frames, header)
    stored = np.asarray(Image.open(file.parent / "vehicles/0.png"))
    np.testing.assert_array_equal(read(file)["dirt"], np.where(stored == 9, 255, stored))


def test_calibration_is_in_frame_widths_and_heights(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    frames[1]["labels"]["calibration"]["principal_point"] = [6, 10]
    file = write_manifest(frames, header)
    np.testing.assert_allclose(
        read(file)["calibration"], [0.55, 0.375, 0.75, 1.1, 0.5, 0.5], rtol=1e-6
    )
    np.testing.assert_allclose(read(file, 1)["calibration"][4:], [0.1, 0.25], rtol=1e-6)


def test_poses_chain_where_the_frame_before_leads_up_to_them(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    source = ManifestSource(write_manifest(frames, header))
    labels = [source.frame("train", index, ANY).labels["odometry"] for index in range(3)]
    np.testing.assert_allclose(labels[0][:6], [0.1, -0.2, 0.9, 0, 0.02, 0], rtol=1e-6)
    # The first is its own previous frame here; the first of val follows a frame of train.
    assert [label[6] for label in labels] == [0, 1, 1]
    val = [source.frame("val", index, ANY).labels["odometry"][6] for index in range(2)]
    assert val == [0, 1]


def test_poses_chain_across_lines_of_other_splits_but_not_over_gaps(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    frames[3], frames[2] = frames[2], frames[3]  # a line of val between two of train
    assert read(write_manifest(frames, header), 2)["odometry"][6] == 1
    frames[3]["previous"] = "rgb/0.png"
    assert read(write_manifest(frames, header), 2)["odometry"][6] == 0
    frames[3]["previous"] = "rgb/1.png"
    del frames[1]["labels"]["odometry"]
    assert read(write_manifest(frames, header), 2)["odometry"][6] == 0


def test_a_pose_matrix_becomes_a_vector(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    cos, sin = math.cos(0.3), math.sin(0.3)
    frames[0]["labels"]["odometry"] = [cos, 0, sin, 1, 0, 1, 0, 2, -sin, 0, cos, 3]
    label = read(write_manifest(frames, header))["odometry"]
    np.testing.assert_allclose(label, [1, 2, 3, 0, 0.3, 0, 0], atol=1e-6)


def test_labels_survive_without_the_others(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    frames[1]["labels"] = {"weather": "clear"}
    assert set(read(write_manifest(frames, header), 1)) == {"weather"}


def test_every_label_has_the_form_of_its_task(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    check_every_frame(ManifestSource(write_manifest(frames, header)))


def test_the_manifests_in_the_documentation_are_valid(tmp_path: Path) -> None:
    docs = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    manifests = [block.partition("```")[0] for block in docs.split("```json\n")[1:]]
    assert len(manifests) == 2
    for number, text in enumerate(manifests):
        file = tmp_path / str(number) / "manifest.jsonl"
        for name in re.findall(r'"([a-z]+/[0-9]+\.(?:jpg|png|json))"', text):
            (file.parent / name).parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("json"):
                (file.parent / name).write_text('[["person", 1, 2, 3, 4]]')
            else:
                mode = "RGB" if name.startswith("rgb") else "L"
                Image.new(mode, (200, 150), 1).save(file.parent / name)
        file.write_text(text)
        check_every_frame(ManifestSource(file))


HEADER_CASES: dict[str, tuple[str, Json, str]] = {
    "no classes": ("objects", {"kind": "detection"}, "tasks.objects.classes is missing"),
    "ignored class": (
        "objects", {"kind": "detection", "classes": ["car", "ignore"]}, "stands for regions",
    ),
    "option": ("odometry", {"kind": "odometry", "scale": 2}, "tasks.odometry field 'scale'"),
    "one class": ("weather", {"kind": "classification", "classes": ["a"]}, "list of 2 to 254"),
    "twins": ("weather", {"kind": "classification", "classes": ["a", "a"]}, "a class twice"),
    "tiles": (
        "dirt", {"kind": "tiles", "classes": ["a", "b"], "ignore": 1}, "tasks.dirt.ignore is 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HEADER_CASES)
def test_wrong_header_is_named(
    write_manifest: Write, header: Json, frames: list[Json], case: str
) -> None:
    task, options, part = HEADER_CASES[case]
    header["tasks"][task] = options
    fails(write_manifest(frames, header), "manifest.jsonl:1: ", part)


NAN = float("nan")
LABEL_CASES: dict[str, tuple[str, object, str]] = {
    "boxes": ("objects", {"car": 1}, '.objects is {"car": 1}, give a list of boxes'),
    "boxes null": ("objects", None, ".objects is missing, give a list of boxes"),
    "box": ("objects", [["car", 1, 2, 3]], '.objects[0] is ["car", 1, 2, 3], give [class, x1'),
    "class": ("objects", [["cat", 1, 2, 3, 4]], "[0][0] is \"cat\", use car, person, ignore"),
    "class type": ("objects", [[1, 1, 2, 3, 4]], "[0][0] is 1, use car"),
    "class list": ("objects", [[["car"], 1, 2, 3, 4]], '[0][0] is ["car"], use car'),
    "side": ("objects", [["car", 1, "2", 3, 4]], '[0][2] is "2", give a number'),
    "nan": ("objects", [["car", 1, 2, 3, NAN]], "[0][4] is NaN, give a number"),
    "huge": ("objects", [["car", 1, 2, 10**400, 4]], "[0][3] is 1000"),
    "true": ("objects", [["car", True, 2, 3, 4]], "[0][1] is true"),
    "empty box": ("objects", [["car", 3, 2, 3, 4]], "x1 must be below x2"),
    "turned box": ("objects", [["car", 3, 9, 5, 4]], "y1 below y2"),
    "outside": ("objects", [["car", 70, 2, 80, 4]], "[0] lies outside of the image of 60x40"),
    "many": ("objects", [["car", 1, 2, 3, 4]] * 5000, "has 5000 boxes, at most 4096"),
    "box file": ("objects", "none.json", ".objects: "),
    "pose": ("odometry", [1, 2, 3], ".odometry is [1, 2, 3], give 6 numbers"),
    "pose text": ("odometry", "pose.txt", '.odometry is "pose.txt", give 6 numbers'),
    "pose entry": ("odometry", [1, 2, 3, 4, None, 6], ".odometry[4] is missing, give a number"),
    "degrees": ("odometry", [0, 0, 1, 0, 5, 0], "turns by 5 radians"),
    "far": ("odometry", [0, 0, 5000, 0, 0, 0], "moves by 5000 m"),
    "mirror": ("odometry", [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], "has no rotation"),
    "weather": ("weather", "rian", '.weather is "rian", use clear, rain; did you mean \'rain\'?'),
    "weather type": ("weather", ["rain"], '.weather is ["rain"], use clear, rain'),
    "columns": ("stixels", [], ".stixels is [], give a list with one entry a column"),
    "few columns": ("stixels", [[30, 10]] * 9, ".stixels has 9 columns, give one entry for each"),
    "column": ("stixels", ["fre"] * 60, '.stixels[0] is "fre", give [base, top]'),
    "row": ("stixels", [[30, "a"]] * 60, '.stixels[0][1] is "a", give a number'),
    "upside down": ("stixels", [[10, 30]] * 60, "the top must be a row from 0 to the base"),
    "below": ("stixels", [None, [41, 3]] + [None] * 58, ".stixels[1][0] is 41, below the image"),
    "calibration": ("calibration", [1, 2], ".calibration is [1, 2], give {"),
    "focal": (
        "calibration", {"vanishing_point": [1, 2], "focal": [0, 2]}, ".focal is [0, 2], give two",
    ),
    "no focal": ("calibration", {"vanishing_point": [1, 2]}, ".calibration.focal is missing"),
    "point": (
        "calibration", {"vanishing_point": [1], "focal": [1, 2]}, ".vanishing_point is [1], give",
    ),
    "typo": (
        "calibration", {"vanishing_point": [1, 2], "focus": [1, 2]}, "'focus' is unknown, use",
    ),
    "tiles": ("dirt", [["clean"]], '.dirt is [["clean"]], give the path of a file'),
}  # fmt: skip


@pytest.mark.parametrize("case", LABEL_CASES)
def test_wrong_label_is_named_with_line_and_entry(
    write_manifest: Write, header: Json, frames: list[Json], case: str
) -> None:
    task, value, part = LABEL_CASES[case]
    frames[1]["labels"][task] = value
    fails(write_manifest(frames, header), f"manifest.jsonl:3: labels.{task}", part)


def test_a_pose_without_a_previous_frame_is_named(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    del frames[1]["previous"]
    fails(write_manifest(frames, header), ":3: labels.odometry", "previous is missing")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "label.json: is not JSON"),
        ("[" * 100_000, "label.json: is not JSON"),
        ('[["cat", 1, 2, 3, 4]]', 'label.json: the label[0][0] is "cat"'),
        ('[["car", 70, 2, 80, 4]]', "label.json: the label[0] lies outside"),
        (" " * 5 * 2**20 + "[]", "at most 4194304 bytes are read"),
    ],
    ids=["empty", "deep", "class", "outside", "size"],
)
def test_wrong_label_file_is_named(
    write_manifest: Write, header: Json, frames: list[Json], text: str, part: str
) -> None:
    frames[0]["labels"]["objects"] = "label.json"
    (write_manifest().parent / "label.json").write_text(text)
    fails(write_manifest(frames, header), part)
