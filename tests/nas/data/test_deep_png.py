from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.deep_png import read_deep_png
from nas.data.source import DataError
from tests.nas.data.png_files import write_deep_png


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_all_bits_are_kept(tmp_path: Path, channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (23, 17, channels), np.uint16)
    values[0, :3, 0] = 0, 255, 256
    write_deep_png(tmp_path / "a.png", values)
    read = read_deep_png(tmp_path / "a.png")
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize(
    ("mode", "name"), [("RGB", "a.png"), ("L", "a.png"), ("LA", "a.png"), ("RGB", "a.jpg")]
)
def test_files_of_8_bits_are_refused(tmp_path: Path, mode: str, name: str) -> None:
    Image.new(mode, (4, 4)).save(tmp_path / name)
    with pytest.raises(DataError, match=rf"{name}: the image has mode {mode} with 8 bits"):
        read_deep_png(tmp_path / name)


@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("damage", ["truncated", "noise", "missing"])
def test_broken_files_are_named(tmp_path: Path, damage: str, channels: int) -> None:
    file = tmp_path / "a.png"
    values = np.random.default_rng(0).integers(0, 65536, (20, 20, channels), np.uint16)
    write_deep_png(file, values)
    data = file.read_bytes()
    file.write_bytes({"truncated": data[: len(data) // 2], "noise": b"x" * 99}.get(damage, b""))
    if damage == "missing":
        file.unlink()
    with pytest.raises(DataError, match=r"a\.png: the (image cannot be read|file does not exist)"):
        read_deep_png(file)


def test_a_header_that_no_image_could_have_is_one_clear_line() -> None:
    """Found by ``benchmarks/fuzz.py``: with its other header the file was no PNG any more."""
    corpus = Path(__file__).parents[2] / "fuzz_corpus" / "image"
    with pytest.raises(DataError, match=r"broken_header\.png: the image cannot be read"):
        read_deep_png(corpus / "broken_header.png")
