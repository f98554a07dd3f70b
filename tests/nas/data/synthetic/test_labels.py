"""All labels together: their forms, and that nothing unseen has one."""

from functools import cache

import numpy as np
import pytest

from nas.data.source import Frame, Split
from nas.data.synthetic import SyntheticSource
from nas.data.synthetic.weather import sight
from nas.data.synthetic.world import SCENES, WEATHERS
from nas.resolution import Resolution
from nas.tasks.kinds import KINDS, make_task
from search_spaces.default_tasks import ALL_TASKS

SMALL = Resolution(128, 64)
SOURCE = SyntheticSource(seed=9)
SPLITS_WITH_FRAMES = ("train", "val")


@cache
def frames(split: Split) -> tuple[Frame, ...]:
    return tuple(SOURCE.frame(split, index, SMALL) for index in range(24))


FORMS = {
    "segmentation": ((64, 128), np.uint8),
    "depth": ((64, 128), np.float32),
    "motion": ((64, 128), np.uint8),
    "stixels": ((2, 128), np.float32),
    "odometry": ((7,), np.float32),
    "scene": ((), np.uint8),
    "weather": ((), np.uint8),
    "soiling": ((), np.uint8),
    "soiling_tiles": ((64, 128), np.uint8),
    "calibration": ((6,), np.float32),
}


@pytest.mark.parametrize("split", SPLITS_WITH_FRAMES)
def test_every_frame_has_every_label_in_its_form(split):
    for frame in frames(split):
        forms = {n: (np.shape(a), a.dtype) for n, a in frame.labels.items() if n != "detection"}
        assert forms == FORMS
        boxes = frame.labels["detection"]
        assert (boxes.dtype, boxes.ndim, boxes.shape[1]) == (np.float32, 2, 5)
        assert np.isin(boxes[:, 0], [0, 1, 255]).all()
        assert ((boxes[:, 1:3] < boxes[:, 3:]) & (boxes[:, 1:3] >= 0)).all()
        assert (boxes[:, 3:] <= 1).all()
        assert all(np.isfinite(array).all() for array in frame.labels.values())


@pytest.mark.parametrize("split", SPLITS_WITH_FRAMES)
def test_tasks_accept_the_labels(split):
    tasks = {spec.name: make_task(spec) for spec in ALL_TASKS if spec.kind in KINDS}
    for frame in frames(split)[:6]:
        for name, task in tasks.items():
            task.check_label(frame.labels[name])


def test_names_of_scene_and_weather_are_those_of_the_world():
    for index, frame in enumerate(frames("train")):
        world = SOURCE.world("train", index)
        assert SCENES[int(frame.labels["scene"])] == world.scene
        assert WEATHERS[int(frame.labels["weather"])] == world.light.weather


def test_pixels_that_nobody_can_see_have_no_label():
    hidden_by = {"dirt": 0, "fog": 0}
    for index, frame in enumerate(frames("train")):
        world = SOURCE.world("train", index)
        dirt = frame.labels["soiling_tiles"] == 2
        unseen = frame.labels["segmentation"] == 255
        assert unseen[dirt].all()
        assert (frame.labels["depth"][unseen] == 0).all()
        assert ((frame.labels["motion"] == 255) == unseen).all()
        assert frame.labels["depth"].max() <= sight(world.light)
        hidden_by["dirt"] += int(dirt.sum())
        hidden_by["fog"] += int((unseen & ~dirt).sum())
    assert min(hidden_by.values()) > 100
    assert sum(hidden_by.values()) < 0.05 * 24 * 64 * 128


def test_labels_are_reproduced():
    again = SyntheticSource(seed=9).frame("val", 3, SMALL)
    other = SyntheticSource(seed=10).frame("val", 3, SMALL)
    for name, label in frames("val")[3].labels.items():
        np.testing.assert_array_equal(again.labels[name], label)
    assert not np.array_equal(other.labels["calibration"], again.labels["calibration"])


def test_most_frames_show_vehicles_and_people_to_detect():
    boxes = [frame.labels["detection"] for split in SPLITS_WITH_FRAMES for frame in frames(split)]
    counts = np.array([[(b[:, 0] == c).sum() for c in (0, 1, 255)] for b in boxes])
    vehicles, people, ignored = counts.mean(axis=0)
    assert 3 < vehicles < 9
    assert 1 < people < 5
    assert ignored < vehicles + people
