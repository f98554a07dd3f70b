from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nas.data.camvid import CamVidSource
from nas.data.manifest import ManifestSource
from nas.data.preview import preview
from nas.data.source import DataError, DataSource
from nas.resolution import Resolution
from nas.tasks.kinds import make_task
from nas.tasks.task import Task

SMALL = Resolution(64, 32)


def tasks_for(source: DataSource) -> dict[str, Task]:
    return {spec.name: make_task(spec) for spec in source.tasks}


def test_sheet_shows_images_and_labels_in_their_colours(
    write_manifest: Callable[..., Path],
) -> None:
    source = ManifestSource(write_manifest())
    sheet = preview(source, tasks_for(source), SMALL, "train", 3)
    assert sheet.size[0] > 5 * 384  # image, previous and three labels
    pixels = {colour for _, colour in sheet.getcolors(1 << 24) or []}
    assert {(230, 30, 40), (40, 70, 220), (0, 0, 0)} <= pixels  # moving, car, no label


def test_tiles_are_the_frames_that_training_sees(camvid: Path) -> None:
    source = CamVidSource(camvid)
    sheet = np.asarray(preview(source, tasks_for(source), SMALL, "val", 1))
    frame = source.frame("val", 0, SMALL)
    task = tasks_for(source)["segmentation"]
    small = task.resize_label(frame.labels["segmentation"], SMALL)
    wanted = (
        task.picture_of_label(small, np.zeros((32, 64, 3), np.uint8))
        .repeat(6, axis=0)
        .repeat(6, axis=1)
    )
    found = [
        (y, x)
        for y in range(sheet.shape[0] - wanted.shape[0])
        for x in range(sheet.shape[1] - wanted.shape[1])
        if (sheet[y, x : x + wanted.shape[1]] == wanted[0]).all()
        and (sheet[y : y + wanted.shape[0], x : x + wanted.shape[1]] == wanted).all()
    ]
    assert len(found) == 1


def test_more_frames_than_there_are_shows_each_once(camvid: Path) -> None:
    source = CamVidSource(camvid)
    tasks = tasks_for(source)
    six, many = (preview(source, tasks, SMALL, "train", count) for count in (6, 99))
    assert six.size == many.size


@pytest.mark.parametrize(("split", "count"), [("test", 2), ("train", 0)])
def test_nothing_to_show_is_an_error(
    write_manifest: Callable[..., Path], frames: list[dict[str, object]], split: str, count: int
) -> None:
    source = ManifestSource(write_manifest(frames[:-1]))
    with pytest.raises(DataError, match=f"my_drive: {count} frames of split {split}"):
        preview(source, tasks_for(source), SMALL, split, count)  # type: ignore[arg-type]
