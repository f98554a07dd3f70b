"""The WoodScape reader, on a small tree in the layout of the data set's README."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.source import SPLITS, DataError, Split
from nas.data.woodscape import WOODSCAPE_CLASSES, WOODSCAPE_SOILING, WoodScapeSource, _in_runs
from nas.resolution import Resolution
from tests.nas.data.source_contract import check_every_frame

ANY = Resolution(64, 32)
SIZE = (20, 40)
CAMERAS = ("FV", "RV", "MVL", "MVR")
BOXES = "vehicles,0,4,5,20,10\nperson,1,31,16,22,3\n"


def save(folder: Path, name: str, values: np.ndarray) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(file)


def classes(above: int) -> np.ndarray:
    return (np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % above).astype(np.uint8)


def write_driving(folder: Path, frames: int = 10) -> None:
    """Image ``n`` is grey of value ``n``, the one before it of 100 more."""
    for number in range(frames):
        stem = f"{number:05}_{CAMERAS[number % 4]}"
        grey = np.full((*SIZE, 3), number, np.uint8)
        save(folder, f"rgb_images/{stem}.png", grey)
        save(folder, f"previous_images/{stem}_prev.png", grey + 100)
        save(folder, f"semantic_annotations/gtLabels/{stem}.png", classes(10))
        save(folder, f"semantic_annotations/rgbLabels/{stem}.png", grey)
        save(folder, f"motion_annotations/gtLabels/{stem}.png", classes(20))
        (folder / "box_2d_annotations").mkdir(exist_ok=True)
        (folder / f"box_2d_annotations/{stem}.txt").write_text(BOXES if number else "")


def write_soiling(folder: Path, parts: dict[str, int], images: str, labels: str) -> None:
    for part, frames in parts.items():
        for number in range(frames):
            name = f"{number:04}_{CAMERAS[number % 4]}.png"
            grey = np.full((*SIZE, 3), number, np.uint8)
            save(folder, f"soiling_dataset/{part}{images}/{name}", grey)
            save(folder, f"soiling_dataset/{part}{labels}/{name}", classes(4))


@pytest.fixture
def woodscape(tmp_path: Path) -> Path:
    write_driving(tmp_path)
    write_soiling(tmp_path, {"train/": 10, "test/": 3}, "rgbImages", "gtLabels")
    return tmp_path


def fails(folder: Path, *parts: str) -> None:
    with pytest.raises(DataError) as error:
        read_all(folder)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def read_all(folder: Path) -> None:
    source = WoodScapeSource(folder)
    for split in SPLITS:
        for index in range(source.length(split)):
            source.frame(split, index, ANY)


def test_frames_of_both_parts_have_their_own_labels(woodscape: Path) -> None:
    source = WoodScapeSource(woodscape)
    assert [spec.name for spec in source.tasks] == [
        "segmentation", "motion", "detection", "soiling_tiles",
    ]  # fmt: skip
    assert [source.length(split) for split in SPLITS] == [6 + 6, 1 + 3, 1 + 3]
    assert set(source.frame("train", 0, ANY).labels) == {"segmentation", "motion", "detection"}
    assert set(source.frame("train", 6, ANY).labels) == {"soiling_tiles"}
    assert source.frame("train", 6, ANY).previous is None


def test_splits_of_the_driving_part_are_apart(woodscape: Path) -> None:
    source = WoodScapeSource(woodscape)

    def first(split: Split) -> int:
        return int(source.frame(split, 0, ANY).image[0, 0, 0])

    assert [first(split) for split in SPLITS] == [0, 7, 9]


def test_every_run_of_images_is_in_all_splits(tmp_path: Path) -> None:
    write_driving(tmp_path, 3)
    for number in range(3, 401):
        stem = f"{number:05}_FV"
        for folder, file in (
            ("rgb_images", f"{stem}.png"),
            ("semantic_annotations/gtLabels", f"{stem}.png"),
            ("motion_annotations/gtLabels", f"{stem}.png"),
            ("box_2d_annotations", f"{stem}.txt"),
        ):
            first = f"00000_FV{Path(file).suffix}"
            (tmp_path / folder / file).symlink_to(tmp_path / folder / first)
    source = WoodScapeSource(tmp_path)
    assert [source.length(split) for split in SPLITS] == [126 + 120, 27 + 25, 27 + 25]


def test_previous_frames_and_labels_are_read(woodscape: Path) -> None:
    frame = WoodScapeSource(woodscape).frame("train", 2, ANY)
    assert frame.previous is not None
    assert (frame.previous == 102).all()
    label = frame.labels["segmentation"]
    np.testing.assert_array_equal(label, classes(10))
    assert WOODSCAPE_CLASSES[6] == "vehicles"
    np.testing.assert_array_equal(frame.labels["motion"], classes(20) > 0)


def test_boxes_may_have_their_corners_in_any_order(woodscape: Path) -> None:
    source = WoodScapeSource(woodscape)
    label = source.frame("train", 1, ANY).labels["detection"]
    wanted = [[0, 0.1, 0.25, 0.5, 0.5], [1, 22 / 40, 3 / 20, 31 / 40, 16 / 20]]
    np.testing.assert_allclose(label, wanted, rtol=1e-6)
    assert source.frame("train", 0, ANY).labels["detection"].shape == (0, 5)


def test_soiling_has_four_classes(woodscape: Path) -> None:
    source = WoodScapeSource(woodscape)
    spec = source.tasks[-1]
    assert (spec.kind, spec.channels, spec.classes) == ("tiles", 4, WOODSCAPE_SOILING)
    np.testing.assert_array_equal(source.frame("test", 1, ANY).labels["soiling_tiles"], classes(4))


def test_soiling_alone_is_enough_in_either_spelling(tmp_path: Path) -> None:
    write_soiling(tmp_path, {"": 10}, "rgb_images", "gt_labels")
    source = WoodScapeSource(tmp_path)
    assert [spec.name for spec in source.tasks] == ["soiling_tiles"]
    assert [source.length(split) for split in SPLITS] == [6, 1, 1]
    assert not source.has_previous


def test_archives_unpacked_into_folders_of_their_names_are_found(woodscape: Path) -> None:
    for name in ("semantic_annotations", "motion_annotations", "box_2d_annotations"):
        (woodscape / name).rename(woodscape / "moved")
        (woodscape / name).mkdir()
        (woodscape / "moved").rename(woodscape / name / name)
    assert len(WoodScapeSource(woodscape).frame("train", 0, ANY).labels) == 3


def test_tasks_are_those_of_the_folders(woodscape: Path) -> None:
    shutil.rmtree(woodscape / "motion_annotations")
    shutil.rmtree(woodscape / "soiling_dataset")
    assert [spec.name for spec in WoodScapeSource(woodscape).tasks] == ["segmentation", "detection"]


@pytest.mark.parametrize(
    ("removed", "parts"),
    [
        (("",), ("the folder does not exist",)),
        (("rgb_images", "soiling_dataset"), ("has neither rgb_images nor soiling_dataset",)),
        (
            ("semantic_annotations", "motion_annotations", "box_2d_annotations"),
            ("has rgb_images, but none of semantic_annotations/gtLabels",),
        ),
        (("soiling_dataset/train/gtLabels",), ("10 of 10 images have no file here",)),
        (("soiling_dataset/test/rgbImages",), ("rgbImages: holds no images as 0001_FV.png",)),
    ],
)
def test_what_is_missing_is_named(
    woodscape: Path, removed: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    for folder in removed:
        shutil.rmtree(woodscape / folder)
    fails(woodscape, str(woodscape), *parts)


def test_one_missing_label_is_named(woodscape: Path) -> None:
    (woodscape / "motion_annotations/gtLabels/00003_MVR.png").unlink()
    fails(woodscape, "1 of 10 images have no file here, the first is 00003_MVR.png")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("vehicles,0,1,2,3", "00001_RV.txt:1: 'vehicles,0,1,2,3' is not name,index,x1,y1,x2,y2"),
        ("vehicles,0,a,2,3,4", "is not name,index"),
        ("tractor,0,1,2,3,4", "class 'tractor' is unknown, there are vehicles, person"),
    ],
)
def test_a_wrong_box_is_named(woodscape: Path, line: str, part: str) -> None:
    (woodscape / "box_2d_annotations/00001_RV.txt").write_text(line + "\n")
    fails(woodscape, part)


def test_fingerprint_follows_every_file(woodscape: Path) -> None:
    before = WoodScapeSource(woodscape).fingerprint()
    assert WoodScapeSource(woodscape).fingerprint() == before
    (woodscape / "box_2d_annotations/00001_RV.txt").write_text("")
    assert WoodScapeSource(woodscape).fingerprint() != before


def test_every_label_has_the_form_of_its_task(woodscape: Path) -> None:
    check_every_frame(WoodScapeSource(woodscape))


def test_frames_of_two_splits_are_never_neighbours() -> None:
    numbered = _in_runs(list(range(600)), Path("somewhere"))  # type: ignore[arg-type]
    owner = {number: split for split, numbers in numbered.items() for number in numbers}
    for number, split in owner.items():
        for other in range(number + 1, number + 11):
            assert owner.get(other, split) == split, (number, other)  # type: ignore[call-overload]
