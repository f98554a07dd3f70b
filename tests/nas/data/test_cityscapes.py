"""The Cityscapes reader, on a small tree in the layout of cityscapesScripts' README."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.cityscapes import CityscapesSource
from nas.data.cityscapes_classes import CITYSCAPES_CLASSES, CITYSCAPES_OBJECTS
from nas.data.source import SPLITS, DataError
from nas.resolution import Resolution
from tests.nas.data.source_contract import check_every_frame

ANY = Resolution(64, 32)
ROWS, COLUMNS = 32, 64
#: City to its frames' (sequence, frame) numbers.
CITIES = {
    "train": {
        "aachen": [(0, 19), (1, 19)],
        "bochum": [(0, 313)],
        "zurich": [(3, 19)],
    },
    "val": {"frankfurt": [(0, 294), (1, 1016)]},
    "test": {"berlin": [(0, 19)]},
}


def save(folder: Path, kind: str, place: str, name: str, values: np.ndarray) -> None:
    (folder / kind / place).mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(folder / kind / place / name)


@pytest.fixture
def cityscapes(tmp_path: Path) -> Path:
    folder = tmp_path / "cityscapes"
    generator = np.random.default_rng(0)
    for split, cities in CITIES.items():
        for city, numbers in cities.items():
            for sequence, frame in numbers:
                place = f"{split}/{city}"
                stem = f"{city}_{sequence:06}_{frame:06}"
                image = generator.integers(0, 256, (ROWS, COLUMNS, 3), np.uint8)
                save(folder, "leftImg8bit", place, f"{stem}_leftImg8bit.png", image)
                labels = generator.integers(0, 34, (ROWS, COLUMNS)).astype(np.uint8)
                save(folder, "gtFine", place, f"{stem}_gtFine_labelIds.png", labels)
                save(folder, "gtFine", place, f"{stem}_gtFine_instanceIds.png", instances())
                disparity = generator.integers(0, 126 * 256, (ROWS, COLUMNS)).astype(np.uint16)
                disparity[0, :3] = 0, 1, 257
                save(folder, "disparity", place, f"{stem}_disparity.png", disparity)
                camera = {
                    "extrinsic": {"baseline": 0.2, "pitch": 0.05, "roll": 0.0, "x": 1.7},
                    "intrinsic": {"fx": 2000.0, "fy": 2000.0, "u0": 1000.0, "v0": 500.0},
                }
                (folder / "camera" / place).mkdir(parents=True, exist_ok=True)
                (folder / f"camera/{place}/{stem}_camera.json").write_text(json.dumps(camera))
    return folder


def instances() -> np.ndarray:
    """Two cars, a person, two groups of bicycles, a trailer, and road without instances."""
    ids = np.full((ROWS, COLUMNS), 7, np.uint16)
    ids[8:16, 0:16] = 26000
    ids[8:16, 16:32] = 26001
    ids[10, 20] = 24003
    ids[16:24, 32:48] = 33
    ids[24:32, 0:16] = 33
    ids[0:8, 56:64] = 30000
    return ids


def fails(folder: Path, *parts: str) -> None:
    with pytest.raises(DataError) as error:
        read_all(folder)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def read_all(folder: Path) -> None:
    source = CityscapesSource(folder)
    for split in SPLITS:
        for index in range(source.length(split)):
            source.frame(split, index, ANY)


def test_val_is_val_and_the_last_training_cities_are_test(cityscapes: Path) -> None:
    source = CityscapesSource(cityscapes)
    assert [source.length(split) for split in SPLITS] == [3, 2, 1]
    zurich = cityscapes / "leftImg8bit/train/zurich/zurich_000003_000019_leftImg8bit.png"
    np.testing.assert_array_equal(
        source.frame("test", 0, ANY).image, np.asarray(Image.open(zurich))
    )


def test_three_of_eighteen_training_cities_are_test(cityscapes: Path) -> None:
    for number in range(15):
        for kind in ("leftImg8bit", "gtFine", "disparity", "camera"):
            copy = cityscapes / kind / f"train/hamburg{number:02}"
            shutil.copytree(cityscapes / kind / "train/bochum", copy)
            for file in copy.iterdir():
                file.rename(copy / file.name.replace("bochum", copy.name))
    source = CityscapesSource(cityscapes)
    assert [source.length(split) for split in SPLITS] == [16, 2, 3]


def test_labels_are_training_ids(cityscapes: Path) -> None:
    source = CityscapesSource(cityscapes)
    label = source.frame("train", 0, ANY).labels["segmentation"]
    ids = np.asarray(
        Image.open(cityscapes / "gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png")
    )
    assert set(label[ids == 7]) == {CITYSCAPES_CLASSES.index("road")}
    assert set(label[ids == 33]) == {CITYSCAPES_CLASSES.index("bicycle")}
    assert set(label[ids == 29]) == {255}
    assert {spec.name: spec.channels for spec in source.tasks} == {
        "segmentation": 19,
        "detection": 12,
        "depth": 1,
    }


def test_disparity_becomes_metres(cityscapes: Path) -> None:
    label = CityscapesSource(cityscapes).frame("val", 0, ANY).labels["depth"]
    # 0: invalid; 1: no disparity, infinitely far; 257: one pixel, 0.2 m x 2000 px / 1 px.
    np.testing.assert_allclose(label[0, :3], [0, 0, 400])
    assert label.dtype == np.float32
    stored = np.asarray(
        Image.open(cityscapes / "disparity/val/frankfurt/frankfurt_000000_000294_disparity.png")
    ).astype(np.float64)
    np.testing.assert_allclose(label[1:], 400 * 256 / (stored[1:] - 1), rtol=1e-5)


def test_instances_become_boxes_and_groups_regions_to_ignore(cityscapes: Path) -> None:
    label = CityscapesSource(cityscapes).frame("val", 0, ANY).labels["detection"]
    car, person = (CITYSCAPES_OBJECTS.index(name) for name in ("car", "person"))
    wanted = {
        (car, 0, 0.25, 0.25, 0.5),
        (car, 0.25, 0.25, 0.5, 0.5),
        (person, 20 / 64, 10 / 32, 21 / 64, 11 / 32),
        (255, 0.5, 0.5, 0.75, 0.75),
        (255, 0, 0.75, 0.25, 1),
        (255, 56 / 64, 0, 1, 0.25),
    }
    assert {tuple(map(float, row)) for row in label} == wanted


def test_previous_frames_come_from_the_sequences(cityscapes: Path) -> None:
    assert not CityscapesSource(cityscapes).has_previous
    grey = np.full((ROWS, COLUMNS, 3), 77, np.uint8)
    name = "bochum_000000_000312_leftImg8bit.png"
    save(cityscapes, "leftImg8bit_sequence", "train/bochum", name, grey)
    source = CityscapesSource(cityscapes)
    assert source.has_previous
    previous = source.frame("train", 2, ANY).previous
    assert previous is not None
    assert (previous == 77).all()
    assert source.frame("train", 0, ANY).previous is None


@pytest.mark.parametrize(
    ("removed", "tasks"),
    [
        (("disparity", "camera"), {"segmentation", "detection"}),
        (("gtFine",), {"depth"}),
        (("camera", "disparity", "leftImg8bit/test", "gtFine/test"), {"segmentation", "detection"}),
    ],
)
def test_tasks_are_those_of_the_folders(
    cityscapes: Path, removed: tuple[str, ...], tasks: set[str]
) -> None:
    for folder in removed:
        shutil.rmtree(cityscapes / folder)
    source = CityscapesSource(cityscapes)
    assert {spec.name for spec in source.tasks} == tasks
    assert set(source.frame("train", 0, ANY).labels) == tasks


def test_segmentation_needs_no_instances(cityscapes: Path) -> None:
    for file in cityscapes.glob("gtFine/*/*/*_instanceIds.png"):
        file.unlink()
    assert {spec.name for spec in CityscapesSource(cityscapes).tasks} == {"segmentation", "depth"}


def test_one_training_city_is_all_for_training(cityscapes: Path) -> None:
    for kind in ("leftImg8bit", "gtFine", "disparity", "camera"):
        for city in ("bochum", "zurich"):
            shutil.rmtree(cityscapes / kind / "train" / city)
    source = CityscapesSource(cityscapes)
    assert [source.length(split) for split in SPLITS] == [2, 2, 0]


@pytest.mark.parametrize(
    ("removed", "parts"),
    [
        ("", ("the folder does not exist; give Cityscapes' folder",)),
        ("leftImg8bit", ("has no folder leftImg8bit", "leftImg8bit_trainvaltest.zip")),
        ("leftImg8bit/val", ("leftImg8bit/val: holds no CITY/*_leftImg8bit.png",)),
        ("camera", ("has disparity, but no folder camera", "camera_trainvaltest.zip")),
        ("camera/val", ("camera/…_camera.json is missing for 2 of 6 images", "camera_trainval")),
        ("gtFine/train", ("labelIds.png is missing for 4 of 6", "gtFine_trainvaltest.zip")),
        ("disparity/val", ("disparity.png is missing for 2 of 6 images",)),
    ],
)
def test_what_is_missing_is_named(cityscapes: Path, removed: str, parts: tuple[str, ...]) -> None:
    shutil.rmtree(cityscapes / removed)
    fails(cityscapes, str(cityscapes), *parts)


def test_a_folder_without_labels_is_named(cityscapes: Path) -> None:
    shutil.rmtree(cityscapes / "gtFine")
    shutil.rmtree(cityscapes / "disparity")
    fails(cityscapes, "has neither gtFine nor disparity")


@pytest.mark.parametrize("text", ["{", "{}", '{"extrinsic": {"baseline": "a"}}', "[]"])
def test_a_broken_camera_is_named(cityscapes: Path, text: str) -> None:
    file = next(cityscapes.glob("camera/val/*/*.json"))
    file.write_text(text)
    fails(cityscapes, f"{file}: extrinsic.baseline or intrinsic.fx is missing")


def test_a_label_of_another_size_is_named(cityscapes: Path) -> None:
    file = next(cityscapes.glob("gtFine/val/*/*_labelIds.png"))
    Image.new("L", (8, 8)).save(file)
    fails(cityscapes, f"{file}: 8x8 pixels")


def test_fingerprint_follows_every_file(cityscapes: Path) -> None:
    before = CityscapesSource(cityscapes).fingerprint()
    assert CityscapesSource(cityscapes).fingerprint() == before
    file = next(cityscapes.glob("camera/val/*/*.json"))
    file.write_text(file.read_text() + "\n")
    assert CityscapesSource(cityscapes).fingerprint() != before


def test_every_label_has_the_form_of_its_task(cityscapes: Path) -> None:
    check_every_frame(CityscapesSource(cityscapes))
