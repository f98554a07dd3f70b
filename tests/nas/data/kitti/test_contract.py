"""What every one of KITTI's sources must do."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from nas.data.fitting import fit_frame
from nas.data.source import DataSource
from nas.data.spec import open_source
from nas.resolution import Resolution
from nas.tasks.kinds import KINDS, make_task

ANY = Resolution(64, 32)


@pytest.fixture(params=["raw", "scenes", "sequences"])
def source(request: pytest.FixtureRequest, geometry: Any) -> DataSource:
    tree = request.getfixturevalue(request.param)
    if request.param == "raw":
        tree.full_drive(1, 3)
    elif request.param == "sequences":
        tree.sequence(0, geometry.forward(3))
    else:
        label = np.full((48, 120), 7, np.uint8)
        tree.scene(0, semantic=label, disparity=label.astype(np.uint16) * 256, objects=label)
    return open_source(f"kitti:{tree.root}", seed=0)


def test_labels_are_those_of_its_tasks_and_pass_their_checks(source: DataSource) -> None:
    names = {task.name for task in source.tasks}
    tasks = {task.name: make_task(task) for task in source.tasks if task.kind in KINDS}
    last = source.length("train") - 1
    frame = source.frame("train", last, ANY)
    assert set(frame.labels) == names
    for name, task in tasks.items():
        task.check_label(frame.labels[name])
    fitted = fit_frame(frame, tasks, ANY, streams=2, where="here")
    assert set(fitted.labels) == set(tasks)


def test_frames_are_a_pure_function_of_their_arguments(source: DataSource) -> None:
    first, again = (source.frame("train", 0, ANY) for _ in range(2))
    np.testing.assert_array_equal(first.image, again.image)
    for name, label in first.labels.items():
        np.testing.assert_array_equal(label, again.labels[name])


def test_sources_travel_to_other_processes(source: DataSource) -> None:
    frame = source.frame("train", 0, ANY)
    there = pickle.loads(pickle.dumps(source))
    assert there.fingerprint() == source.fingerprint()
    np.testing.assert_array_equal(there.frame("train", 0, ANY).image, frame.image)


def test_opening_twice_gives_one_fingerprint(source: DataSource, request: Any) -> None:
    assert source.fingerprint().startswith("kitti-")
    tree = request.getfixturevalue(request.node.callspec.params["source"])
    assert open_source(f"kitti:{tree.root}", seed=1).fingerprint() == source.fingerprint()
