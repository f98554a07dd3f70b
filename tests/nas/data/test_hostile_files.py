"""Properties of whatever a manifest, a label, an image or KITTI's files may hold."""

from __future__ import annotations

import io
import json
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.data.camvid import CamVidSource
from nas.data.deep_png import read_deep_png
from nas.data.image_files import read_label, read_lines, read_rgb
from nas.data.kitti.lidar import read_scan
from nas.data.kitti.oxts import read_packet
from nas.data.kitti.tracklets import read_tracklets
from nas.data.manifest import ManifestSource
from nas.data.manifest_line import shown
from nas.data.source import SPLITS, DataError
from nas.resolution import Resolution

Write = Callable[..., Path]
Json = dict[str, Any]
_TRIES = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example writes its own file
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


def _reads_or_refuses(read: Callable[[Path], object], path: Path) -> None:
    try:
        read(path)
    except DataError as error:
        message = str(error)
        assert message.isprintable()


def _read_all(file: Path) -> None:
    source = ManifestSource(file)
    for split in SPLITS:
        for index in range(source.length(split)):
            source.frame(split, index, Resolution(64, 32))


@_TRIES
@given(st.binary(max_size=300))
def test_any_bytes_are_data_or_one_clear_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    (tmp_path / "train.txt").write_bytes(content)
    (tmp_path / "val.txt").write_bytes(content)
    readers: tuple[Callable[[Path], object], ...] = (
        ManifestSource,
        read_rgb,
        read_label,
        read_deep_png,
        read_packet,
        read_scan,
        read_tracklets,
    )
    for read in readers:
        _reads_or_refuses(read, file)
    _reads_or_refuses(CamVidSource, tmp_path)


@_TRIES
@given(_VALUES, st.sampled_from(["split", "image", "previous", "labels", "depth", "motion"]))
def test_any_value_in_a_frame_is_one_clear_line(
    write_manifest: Write, frames: list[Json], value: object, key: str
) -> None:
    place = frames[2] if key in frames[2] else frames[2]["labels"]
    _reads_or_refuses(_read_all, write_manifest([*frames[:2], {**frames[2]}, *frames[3:]]))
    before, place[key] = place[key], value
    try:
        _reads_or_refuses(_read_all, write_manifest(frames))
    finally:
        place[key] = before


@_TRIES
@given(_VALUES, st.sampled_from(["kind", "scale", "invalid", "classes", "ignore"]))
def test_any_value_in_the_header_is_one_clear_line(
    write_manifest: Write, header: Json, value: object, key: str
) -> None:
    for task in header["tasks"]:
        changed = {**header["tasks"], task: {**header["tasks"][task], key: value}}
        _reads_or_refuses(_read_all, write_manifest(header={**header, "tasks": changed}))


@pytest.mark.parametrize("path", ["../secret.png", "rgb/../../secret.png", "./../secret.png"])
def test_a_relative_path_does_not_leave_the_folder(
    write_manifest: Write, frames: list[Json], camvid: Path, path: str
) -> None:
    frames[0]["image"] = path
    file = write_manifest(frames)
    Image.new("RGB", (60, 40)).save(file.parent.parent / "secret.png")
    with pytest.raises(DataError, match=r"2: image: \S+secret\.png: leads out of .* absolute path"):
        ManifestSource(file)
    (camvid / "train.txt").write_text(f"{path} trainannot/000.png\n")
    with pytest.raises(DataError, match=r"train\.txt:1: image \S+: leads out of"):
        CamVidSource(camvid)


def test_a_path_that_goes_up_and_comes_back_is_inside(
    write_manifest: Write, frames: list[Json]
) -> None:
    frames[0]["image"] = "depth/../rgb/0.png"
    assert ManifestSource(write_manifest(frames)).length("train") == 3


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\x1b[2J", "pipe"])
def test_what_cannot_be_a_file_is_refused(
    write_manifest: Write, frames: list[Json], name: str
) -> None:
    file = write_manifest()
    os.mkfifo(file.parent / "pipe")
    frames[0]["image"] = name
    with pytest.raises(DataError, match=r":2: image") as caught:
        ManifestSource(write_manifest(frames))
    assert str(caught.value).isprintable()


def _png(width: int, height: int, data: bytes) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + end

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("read", [read_rgb, read_label, read_deep_png])
def test_an_image_that_would_fill_the_memory_is_refused(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    """0.6 MB that would become 0.6 GB: Pillow's own bound is higher, and only warns at first."""
    packed = zlib.compress(bytes(10_000 * 3 + 1) * 10, 9) * 2
    (tmp_path / "bomb.png").write_bytes(_png(10_000, 20_000, packed))
    start = time.process_time()
    with pytest.raises(DataError, match=r"10000x20000 pixels, at most|cannot be read"):
        read(tmp_path / "bomb.png")
    assert time.process_time() - start < 2


def test_formats_that_run_other_programs_are_not_decoded(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "EPS")
    (tmp_path / "image.png").write_bytes(content.getvalue())
    with pytest.raises(DataError, match="cannot identify image file"):
        read_rgb(tmp_path / "image.png")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n" * 2_000_000, "at most 1000000 lines"),
        (b"[" * 5_000_000, ":1: a manifest has at most 1000000 lines of 4194304 bytes"),
        (b'{"neurall_manifest": 1, "name": "a", "name": "b", "tasks": {}}', "'name' stands twice"),
        (b"[" * 970 + b"]" * 970, "not a JSON object|nested too deeply"),
    ],
)
def test_manifests_are_bounded(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "drive.jsonl").write_bytes(content)
    start = time.process_time()
    with pytest.raises(DataError, match=message):
        ManifestSource(tmp_path / "drive.jsonl")
    assert time.process_time() - start < 2


def test_names_are_bounded_before_they_are_compared(
    write_manifest: Write, header: Json, frames: list[Json]
) -> None:
    """Comparing two of 100,000 characters took minutes."""
    header["tasks"]["vehicles"]["classes"] = ["ab" * 50_000, "car"]
    start = time.process_time()
    with pytest.raises(DataError, match=r"tasks\.vehicles\.classes is"):
        ManifestSource(write_manifest(header=header))
    frames[0]["labels"]["ba" * 50_000] = "depth/0.png"
    header["tasks"]["vehicles"]["classes"] = ["background", "car"]
    with pytest.raises(DataError, match=r"labels: task 'baba.* is unknown"):
        ManifestSource(write_manifest(frames, header))
    assert time.process_time() - start < 2


def test_more_tasks_than_any_vehicle_has_are_refused(write_manifest: Write, header: Json) -> None:
    header["tasks"] = {f"t{index}": {"kind": "motion"} for index in range(33)}
    with pytest.raises(DataError, match=":1: tasks has 33 entries, at most 32"):
        ManifestSource(write_manifest(header=header))


def test_a_scale_that_makes_depths_infinite_is_refused(write_manifest: Write, header: Json) -> None:
    header["tasks"]["depth"]["scale"] = 1e-300
    with pytest.raises(
        DataError, match=r"depth/0\.png: the depth label holds .* m, at most 1e\+09"
    ):
        _read_all(write_manifest(header=header))


def test_text_files_are_bounded(tmp_path: Path) -> None:
    with (tmp_path / "train.txt").open("wb") as file:
        file.truncate(10**12)  # sparse: takes no room
    with pytest.raises(DataError, match="is too long, at most"):
        read_lines(tmp_path / "train.txt")


def test_deep_and_large_values_are_shown_by_their_beginning() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep).startswith("[[[[")
    assert len(shown(deep)) <= 60
    assert len(shown(["x" * 10**6] * 10)) <= 60
    assert shown(json.loads('"\\u001b[31m\\u009b"')) == '"\\u001b[31m�"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<?xml version="1.0" encoding="F"?><a/>', "root element is <a>"),
        ("<boost_serialization>" + "<a/>" * 1_000_001, "more than 1000000 elements"),
        (
            "<boost_serialization><tracklets><count>1</count><item><h>" + "x" * 9000 + "</h></item>"
            "</tracklets></boost_serialization>",
            r"h is 'x{59}…', must be a finite number",
        ),
    ],
)
def test_tracklets_are_bounded(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "tracklets.xml").write_text(text)
    with pytest.raises(DataError, match=message):
        read_tracklets(tmp_path / "tracklets.xml")
