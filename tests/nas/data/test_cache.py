from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nas.data import cache as cache_module
from nas.data import cache_folder, decoding
from nas.data.cache import CachedFrames, cache_root, prepare
from nas.data.camvid import CamVidSource
from nas.data.manifest import ManifestSource
from nas.data.source import DataError, Frame, Split
from nas.resolution import Resolution
from nas.tasks.kinds import make_task
from nas.tasks.task import Task
from search_spaces.default_tasks import DEPTH
from search_spaces.task_spec import TaskSpec

SMALL = Resolution(48, 32)
PROJECT = Path(__file__).parents[3]


class Ramp:
    """Frames whose pixels all hold the frame's number; depth on every second one."""

    name = "ramp"
    has_previous = True
    tasks: tuple[TaskSpec, ...] = (DEPTH,)

    def __init__(self, frames: int = 40, broken: int | None = None, version: str = "1") -> None:
        self.frames = frames
        self.broken = broken
        self.version = version
        self.reads = 0

    def length(self, split: Split) -> int:
        return self.frames if split == "train" else 0

    def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
        self.reads += 1
        if index == self.broken:
            raise DataError(f"frame {index} is broken")
        size = (resolution.height, resolution.width)
        image = np.full((*size, 3), index, np.uint8)
        labels = {} if index % 2 else {"depth": np.full(size, index + 1, np.float32)}
        previous = np.full((*size, 3), index - 1, np.uint8) if index else None
        return Frame(image=image, previous=previous, labels=labels)

    def fingerprint(self) -> str:
        return f"ramp-{self.frames}-{self.version}"


def tasks_for(*specs: TaskSpec) -> dict[str, Task]:
    return {spec.name: make_task(spec) for spec in specs}


TASKS = tasks_for(DEPTH)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def prepare_ramp(root: Path, source: Ramp | None = None, workers: int = 1) -> CachedFrames:
    ramp = Ramp() if source is None else source
    return prepare(ramp, "train", SMALL, tasks=TASKS, cache_dir=root, workers=workers)


def only_folder(root: Path) -> Path:
    (folder,) = root.iterdir()
    return folder


def test_cache_holds_images_labels_and_who_is_labelled(root: Path) -> None:
    cached = prepare_ramp(root)
    assert cached.images.shape == (40, 2, 3, 32, 48)
    assert cached.images.dtype == np.uint8
    assert isinstance(cached.images, np.memmap)
    assert not cached.images.flags.writeable
    assert (cached.images[:, 0] == np.arange(40).reshape(-1, 1, 1, 1)).all()
    np.testing.assert_array_equal(cached.labelled["depth"], np.arange(40) % 2 == 0)
    assert (cached.labels["depth"][1::2] == 0).all()
    assert (cached.labels["depth"][6] == 7).all()
    assert (cached.source_name, cached.has_previous, len(cached)) == ("ramp", True, 40)
    assert (cached.resolution, cached.tasks, cached.split) == (SMALL, (DEPTH,), "train")


def test_current_frame_stands_in_for_a_missing_previous_one(root: Path) -> None:
    images = prepare_ramp(root).images
    assert (images[0, 1] == images[0, 0]).all()
    assert (images[5, 1] == 4).all()


def test_second_call_reads_nothing_from_the_source(root: Path) -> None:
    first = prepare_ramp(root)
    again = Ramp()
    second = prepare_ramp(root, again)
    assert again.reads == 0
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.labels["depth"], second.labels["depth"])


@pytest.mark.parametrize(
    "change",
    [
        {"source": Ramp(version="2")},
        {"resolution": Resolution(32, 32)},
        {"tasks": {}},
    ],
    ids=["source", "resolution", "tasks"],
)
def test_any_change_builds_another_cache(root: Path, change: dict[str, object]) -> None:
    prepare_ramp(root)
    arguments = {"source": Ramp(), "split": "train", "resolution": SMALL, "tasks": TASKS}
    cached = prepare(**(arguments | change), cache_dir=root, workers=1)  # type: ignore[arg-type]
    assert len(list(root.iterdir())) == 2
    assert len(cached) == 40


def test_tasks_that_the_source_does_not_label_are_left_out(root: Path) -> None:
    weather = TaskSpec(name="weather", kind="segmentation", channels=3)
    tasks = tasks_for(DEPTH, weather)
    cached = prepare(Ramp(), "train", SMALL, tasks=tasks, cache_dir=root, workers=1)
    assert set(cached.labels) == {"depth"}


def test_progress_counts_up_to_the_end(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    prepare(
        Ramp(),
        "train",
        SMALL,
        tasks=TASKS,
        cache_dir=root,
        workers=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (40, 40)
    assert seen == sorted(set(seen))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_cache_is_the_same_for_any_number_of_workers(
    camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_POOL_PAYS_AFTER_S", 0)
    monkeypatch.setattr(decoding, "_LONGEST_CHUNK", 2)
    source = CamVidSource(camvid)
    tasks = tasks_for(*source.tasks)
    built = []
    for workers in (1, 2, 3):
        root = tmp_path / str(workers)
        prepare(source, "train", SMALL, tasks=tasks, cache_dir=root, workers=workers)
        built.append(contents(only_folder(root)))
    assert built[0] == built[1] == built[2]


def test_error_in_a_worker_is_that_of_the_first_broken_frame_and_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_POOL_PAYS_AFTER_S", 0)
    monkeypatch.setattr(decoding, "_LONGEST_CHUNK", 4)
    with pytest.raises(DataError, match=r"^frame 22 is broken$"):
        prepare_ramp(root, Ramp(broken=22), workers=2)
    assert list(root.iterdir()) == []


def test_dead_worker_is_an_error_not_a_hang(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killer(Ramp):
        def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
            if index >= 8:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().frame(split, index, resolution)

    monkeypatch.setattr(decoding, "_POOL_PAYS_AFTER_S", 0)
    monkeypatch.setattr(decoding, "_LONGEST_CHUNK", 4)
    with pytest.raises(DataError, match="a process that decodes frames died"):
        prepare_ramp(root, Killer(), workers=2)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no meta": lambda folder: (folder / "meta.json").unlink(),
    "empty meta": lambda folder: (folder / "meta.json").write_text(""),
    "meta of another kind": lambda folder: (folder / "meta.json").write_text("[1]"),
    "meta without files": lambda folder: (folder / "meta.json").write_text('{"files": {}}'),
    "stale meta": lambda folder: (folder / "meta.json").write_text(
        (folder / "meta.json").read_text().replace("ramp-40-1", "ramp-40-0")
    ),
    "short images": lambda folder: os.truncate(folder / "images.npy", 5000),
    "long label": lambda folder: os.truncate(folder / "label-depth.npy", 10**6),
    "no label": lambda folder: (folder / "label-depth.npy").unlink(),
    "header": lambda folder: (folder / "images.npy").write_bytes(
        b"?" * (folder / "images.npy").stat().st_size
    ),
    "file in its place": lambda folder: (shutil.rmtree(folder), folder.write_text("x")),
    "empty folder": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_cache_is_noticed_and_rebuilt(root: Path, damage: str) -> None:
    prepare_ramp(root)
    whole = contents(only_folder(root))
    DAMAGE[damage](only_folder(root))
    again = Ramp()
    prepare_ramp(root, again)
    assert again.reads == 40
    assert contents(only_folder(root)) == whole


def test_meta_is_readable_and_says_what_is_cached(root: Path) -> None:
    prepare_ramp(root)
    folder = only_folder(root)
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["identity"]["source"] == "ramp-40-1"
    assert meta["files"]["images.npy"] == (folder / "images.npy").stat().st_size
    assert folder.name.startswith("ramp-train-48x32-")


def test_full_disk_leaves_nothing_half_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, rows: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache_folder.ArrayFile, "append", full)
    with pytest.raises(DataError, match=r"No space left.*free some space.*NEURALL_CACHE"):
        prepare_ramp(root)
    assert list(root.iterdir()) == []


def test_file_size_limit_of_the_system_is_an_error_and_leaves_nothing(root: Path) -> None:
    script = f"""
        import resource, sys
        sys.path[:0] = [{str(PROJECT)!r}, {str(Path(__file__).parent)!r}]
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        from pathlib import Path
        import test_cache
        try:
            test_cache.prepare_ramp(Path({str(root)!r}))
        except test_cache.DataError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the cache cannot be written: File too large" in done.stdout
    assert list(root.iterdir()) == []


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file: the cache cannot be written.*NEURALL_CACHE"):
        prepare_ramp(tmp_path / "file")


def test_interrupt_leaves_nothing(root: Path) -> None:
    class Interrupted(Ramp):
        def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
            if index == 30:
                raise KeyboardInterrupt
            return super().frame(split, index, resolution)

    with pytest.raises(KeyboardInterrupt):
        prepare_ramp(root, Interrupted())
    assert list(root.iterdir()) == []


def test_builders_at_the_same_time_end_with_one_whole_cache(root: Path) -> None:
    barrier = threading.Barrier(2)
    failures: list[BaseException] = []

    class Meeting(Ramp):
        def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
            if index == 39:
                barrier.wait(timeout=30)
            return super().frame(split, index, resolution)

    def build() -> None:
        try:
            cached = prepare_ramp(root, Meeting())
            assert (cached.images[7, 0] == 7).all()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert len(list(root.iterdir())) == 1


def test_killed_build_is_cleaned_up_by_the_next(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"""
        import os, signal, sys
        sys.path[:0] = [{str(PROJECT)!r}, {str(Path(__file__).parent)!r}]
        from pathlib import Path
        import test_cache
        class Fatal(test_cache.Ramp):
            def frame(self, split, index, resolution):
                if index == 30:
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().frame(split, index, resolution)
        test_cache.prepare_ramp(Path({str(root)!r}), Fatal())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert ".building-" in only_folder(root).name
    monkeypatch.setattr(cache_folder, "_YOUNG_S", -1)
    assert len(prepare_ramp(root)) == 40
    assert ".building-" not in only_folder(root).name


def test_build_under_way_is_not_cleaned_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_folder, "_YOUNG_S", -1)

    class Nested(Ramp):
        def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
            if index == 20:
                prepare_ramp(root, Ramp(version="inner"))
            return super().frame(split, index, resolution)

    assert len(prepare_ramp(root, Nested())) == 40
    assert len(list(root.iterdir())) == 2


def test_workers_do_not_outlive_a_killed_parent(root: Path) -> None:
    script = f"""
        import os, sys, threading, time
        sys.path[:0] = [{str(PROJECT)!r}, {str(Path(__file__).parent)!r}]
        from pathlib import Path
        import test_cache
        from nas.data import decoding
        decoding._POOL_PAYS_AFTER_S = 0
        class Slow(test_cache.Ramp):
            def frame(self, split, index, resolution):
                if index >= 16:
                    print(os.getpid(), flush=True)
                    time.sleep(60)
                return super().frame(split, index, resolution)
        test_cache.prepare_ramp(Path({str(root)!r}), Slow(), workers=2)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
        deadline = time.monotonic() + 20
        while _alive(worker) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert not _alive(worker)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_empty_split_is_named(root: Path) -> None:
    with pytest.raises(DataError, match="ramp: the split val has no frames"):
        prepare(Ramp(), "val", SMALL, tasks=TASKS, cache_dir=root)


def test_task_that_differs_from_the_data_is_named(root: Path) -> None:
    other = TaskSpec(name="depth", kind="motion", channels=2)
    with pytest.raises(DataError, match="ramp: task depth is "):
        prepare(Ramp(), "train", SMALL, tasks=tasks_for(other), cache_dir=root)


BAD_FRAMES = {
    "image type": (Frame(image=np.zeros((32, 48, 3), np.float32)), "image is float32"),  # type: ignore[arg-type]
    "image shape": (
        Frame(image=np.zeros((32, 48), np.uint8)),
        r"image is uint8 of shape \(32, 48\)",
    ),
    "previous": (
        Frame(image=np.zeros((32, 48, 3), np.uint8), previous=np.zeros((32, 40, 3), np.uint8)),
        "previous has 40x32 pixels, its image 48x32",
    ),
    "label size": (
        Frame(
            image=np.zeros((32, 48, 3), np.uint8),
            labels={"depth": np.zeros((48, 32), np.float32)},
        ),
        "label depth has 32x48 pixels",
    ),
    "label value": (
        Frame(
            image=np.zeros((32, 48, 3), np.uint8),
            labels={"depth": np.full((32, 48), -1, np.float32)},
        ),
        "task depth: the label holds the depth -1.0 m",
    ),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
def test_wrong_frame_of_an_own_source_is_named(root: Path, case: str) -> None:
    bad, message = BAD_FRAMES[case]

    class Own(Ramp):
        def frame(self, split: Split, index: int, resolution: Resolution) -> Frame:
            return bad if index == 5 else super().frame(split, index, resolution)

    with pytest.raises(DataError, match=f"^ramp, split train, frame 5: {message}"):
        prepare_ramp(root, Own())


def test_place_is_set_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEURALL_CACHE", str(tmp_path / "elsewhere"))
    assert cache_root() == tmp_path / "elsewhere"
    prepare(Ramp(), "train", SMALL, tasks=TASKS, workers=1)
    assert only_folder(tmp_path / "elsewhere").is_dir()
    monkeypatch.delenv("NEURALL_CACHE")
    assert cache_root().name == "neurall-search"


def test_cache_that_is_deleted_as_fast_as_it_is_built_ends_in_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_open", lambda *_: None)
    with pytest.raises(DataError, match="damaged or deleted as often as it was built"):
        prepare_ramp(root)


def test_manifest_is_cached_with_gaps_filled(
    write_manifest: Callable[..., Path], root: Path
) -> None:
    source = ManifestSource(write_manifest())
    tasks = tasks_for(*source.tasks)
    cached = prepare(source, "train", SMALL, tasks=tasks, cache_dir=root, workers=1)
    assert cached.labelled["motion"].tolist() == [True, False, True]
    assert (cached.labels["motion"][1] == 255).all()
    assert (cached.labels["depth"][1] > 0).any()


def test_broken_file_is_found_before_training(
    write_manifest: Callable[..., Path], root: Path
) -> None:
    file = write_manifest()
    source = ManifestSource(file)
    (file.parent / "depth/2.png").write_bytes(b"oops")
    with pytest.raises(DataError, match=r"depth/2\.png: the image cannot be read"):
        prepare(source, "train", SMALL, tasks=tasks_for(*source.tasks), cache_dir=root)


@pytest.mark.real_data
def test_recorded_camvid_is_cached(recorded: Path, root: Path) -> None:
    source = CamVidSource(recorded / "camvid")
    tasks = tasks_for(*source.tasks)
    cached = prepare(source, "val", Resolution(128, 64), tasks=tasks, cache_dir=root)
    assert cached.images.shape == (43, 1, 3, 64, 128)
    assert 20 < cached.images.mean() < 200
    present = set(np.unique(cached.labels["segmentation"]).tolist())
    assert {0, 1, 3, 8} < present
    assert present <= {*range(11), 255}
