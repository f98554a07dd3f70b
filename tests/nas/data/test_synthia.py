"""The SYNTHIA reader, on small sequences in the layout of the README in their packages."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.source import SPLITS, DataError
from nas.data.synthia import SYNTHIA_CLASSES, SynthiaSource
from nas.resolution import Resolution
from tests.nas.data.png_files import write_deep_png
from tests.nas.data.source_contract import check_every_frame

ANY = Resolution(64, 32)
SIZE = (12, 20)
FRAMES = 20
CAMERA = "Stereo_Left/Omni_F"


def write_sequence(folder: Path) -> Path:
    """Frame ``n`` is grey of value ``n``; labels hold all ids, depth also 0 and the largest."""
    for part in ("RGB", "GT/LABELS", "GT/COLOR", "Depth"):
        (folder / part / CAMERA).mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(FRAMES):
        name = f"{CAMERA}/{number:06}.png"
        Image.fromarray(np.full((*SIZE, 3), number, np.uint8)).save(folder / "RGB" / name)
        labels = generator.integers(0, 65536, (*SIZE, 3), np.uint16)  # instances elsewhere
        labels[..., 0] = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 16
        write_deep_png(folder / "GT/LABELS" / name, labels)
        depth = generator.integers(0, 65536, SIZE, np.uint16)
        depth[0, :4] = 0, 255, 1234, 65535
        write_deep_png(folder / "Depth" / name, np.repeat(depth[..., np.newaxis], 3, axis=2))
    return folder


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    return write_sequence(tmp_path / "SYNTHIA-SEQS-04-SUMMER")


def fails(folder: Path, *parts: str) -> None:
    with pytest.raises(DataError) as error:
        read_all(folder)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def read_all(folder: Path) -> None:
    source = SynthiaSource(folder)
    for split in SPLITS:
        for index in range(source.length(split)):
            source.frame(split, index, ANY)


def numbers(source: SynthiaSource) -> dict[str, list[int]]:
    return {
        split: [
            int(source.frame(split, i, ANY).image[0, 0, 0]) for i in range(source.length(split))
        ]
        for split in SPLITS
    }


def test_a_sequence_is_split_by_time(sequence: Path) -> None:
    assert numbers(SynthiaSource(sequence)) == {
        "train": list(range(12)),
        "val": [14, 15],
        "test": [18, 19],
    }


def test_frames_have_the_one_before(sequence: Path) -> None:
    source = SynthiaSource(sequence)
    assert source.has_previous
    assert source.frame("train", 0, ANY).previous is None
    for split, index, wanted in (("train", 5, 4), ("val", 0, 13)):
        previous = source.frame(split, index, ANY).previous  # type: ignore[arg-type]
        assert previous is not None
        assert (previous == wanted).all()


def test_classes_are_in_the_first_channel(sequence: Path) -> None:
    label = SynthiaSource(sequence).frame("train", 3, ANY).labels["segmentation"]
    ids = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 16
    for number, name in ((1, "sky"), (3, "road"), (8, "car"), (12, "lane marking")):
        assert set(label[ids == number]) == {SYNTHIA_CLASSES.index(name)}
    assert set(label[ids == 15]) == {SYNTHIA_CLASSES.index("traffic light")}
    assert set(label[np.isin(ids, (0, 13, 14))]) == {255}
    assert label.dtype == np.uint8


def test_depth_is_in_centimetres(sequence: Path) -> None:
    label = SynthiaSource(sequence).frame("train", 3, ANY).labels["depth"]
    np.testing.assert_allclose(label[0, :4], [0, 2.55, 12.34, 0], rtol=1e-6)
    assert label.dtype == np.float32


def test_a_folder_of_sequences_gives_all_of_them(sequence: Path) -> None:
    write_sequence(sequence.parent / "SYNTHIA-SEQS-04-WINTER")
    (sequence.parent / "downloads").mkdir()
    source = SynthiaSource(sequence.parent)
    assert [source.length(split) for split in SPLITS] == [24, 4, 4]
    # No frame's previous one is of the other sequence.
    assert source.frame("train", 12, ANY).previous is None


@pytest.mark.parametrize(("removed", "task"), [("GT", "depth"), ("Depth", "segmentation")])
def test_tasks_are_those_of_the_folders(sequence: Path, removed: str, task: str) -> None:
    shutil.rmtree(sequence / removed)
    source = SynthiaSource(sequence)
    assert [spec.name for spec in source.tasks] == [task]
    assert set(source.frame("val", 0, ANY).labels) == {task}


@pytest.mark.parametrize(
    ("removed", "parts"),
    [
        ("", ("the folder does not exist", "SYNTHIA-SEQS-04-SUMMER")),
        ("RGB", ("holds neither RGB nor folders with one",)),
        (f"RGB/{CAMERA}", (f"RGB/{CAMERA}: holds no PNG images",)),
        (f"Depth/{CAMERA}", (f"Depth/{CAMERA}: 20 of 20 images have no file here",)),
    ],
)
def test_what_is_missing_is_named(sequence: Path, removed: str, parts: tuple[str, ...]) -> None:
    shutil.rmtree(sequence / removed)
    fails(sequence, str(sequence), *parts)


def test_a_sequence_without_labels_is_named(sequence: Path) -> None:
    shutil.rmtree(sequence / "GT")
    shutil.rmtree(sequence / "Depth")
    fails(sequence, "has neither GT/LABELS nor Depth")


def test_one_missing_label_is_named(sequence: Path) -> None:
    (sequence / f"GT/LABELS/{CAMERA}/000007.png").unlink()
    fails(sequence, "1 of 20 images have no file here, the first is 000007.png")


def test_labels_that_lost_their_bits_are_named(sequence: Path) -> None:
    file = sequence / f"GT/LABELS/{CAMERA}/000001.png"
    Image.new("RGB", SIZE[::-1]).save(file)
    fails(sequence, f"{file}: the image has mode RGB with 8 bits")


def test_a_value_that_is_no_class_is_named(sequence: Path) -> None:
    file = sequence / f"GT/LABELS/{CAMERA}/000001.png"
    write_deep_png(file, np.full((*SIZE, 3), 16, np.uint16))
    fails(sequence, f"{file}: the first channel holds the value 16")


def test_too_few_frames_are_told(sequence: Path) -> None:
    for part in ("RGB", "GT/LABELS", "Depth"):
        for number in range(2, FRAMES):
            (sequence / part / CAMERA / f"{number:06}.png").unlink()
    fails(sequence, "too few frames to split into train and val")


def test_fingerprint_follows_every_file(sequence: Path) -> None:
    before = SynthiaSource(sequence).fingerprint()
    assert SynthiaSource(sequence).fingerprint() == before
    write_deep_png(sequence / f"Depth/{CAMERA}/000001.png", np.full((*SIZE, 3), 7, np.uint16))
    assert SynthiaSource(sequence).fingerprint() != before


def test_every_label_has_the_form_of_its_task(sequence: Path) -> None:
    check_every_frame(SynthiaSource(sequence))
