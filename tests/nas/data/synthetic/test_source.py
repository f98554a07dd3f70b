import dataclasses
from functools import cache

import numpy as np
import pytest

from nas.data.source import SPLITS, DataError, DataSource, Frame, SelectiveSource, Split
from nas.data.synthetic import SyntheticSource
from nas.data.synthetic.world import CLASSES
from nas.resolution import Resolution
from search_spaces.default_tasks import ALL_TASKS, DEFAULT_TASKS

SMALL = Resolution(128, 64)
SOURCE = SyntheticSource(seed=3)


@cache
def frames(split: Split, number: int) -> tuple[Frame, ...]:
    return tuple(SOURCE.frame(split, index, SMALL) for index in range(number))


def labels(split: Split, number: int, task: str) -> np.ndarray:
    return np.stack([frame.labels[task] for frame in frames(split, number)])


def test_source_labels_all_tasks_and_trains_three_where_none_is_named():
    source: DataSource = SOURCE
    assert source.name == "synthetic"
    assert source.tasks == ALL_TASKS
    assert isinstance(source, SelectiveSource)
    assert source.default_tasks == ("segmentation", "depth", "motion")
    assert set(frames("train", 20)[0].labels) == {task.name for task in ALL_TASKS}
    assert source.has_previous
    assert [source.length(split) for split in SPLITS] == [1200, 240, 240]


def test_frames_have_the_promised_shapes_types_and_values():
    for frame in frames("train", 20):
        assert frame.previous is not None
        for image in (frame.image, frame.previous):
            assert (image.shape, image.dtype) == ((64, 128, 3), np.uint8)
            assert image.flags.c_contiguous
        segmentation, depth, motion = (frame.labels[t.name] for t in DEFAULT_TASKS)
        assert (segmentation.shape, segmentation.dtype) == ((64, 128), np.uint8)
        assert (depth.shape, depth.dtype) == ((64, 128), np.float32)
        assert (motion.shape, motion.dtype) == ((64, 128), np.uint8)
        seen = segmentation != 255
        assert segmentation[seen].max() < len(CLASSES)
        assert motion[seen].max() <= 1
        assert (motion[~seen] == 255).all()
        assert np.isfinite(depth).all()
        assert ((depth == 0) == (~seen | (segmentation == CLASSES.index("sky")))).all()
        assert depth[depth > 0].min() > 0.1
        movable = np.isin(segmentation, [CLASSES.index("vehicle"), CLASSES.index("pedestrian")])
        assert not motion[~movable & seen].any()


def same(a: Frame, b: Frame) -> bool:
    assert a.previous is not None
    assert b.previous is not None
    arrays = [(a.image, b.image), (a.previous, b.previous)]
    arrays += [(np.asarray(a.labels[k]), np.asarray(b.labels[k])) for k in a.labels]
    return all(np.array_equal(x, y) for x, y in arrays)


def test_a_frame_depends_on_nothing_but_its_arguments():
    first = SOURCE.frame("val", 7, SMALL)
    np.random.seed(1)  # noqa: NPY002  the global generator must not matter
    SOURCE.frame("train", 3, SMALL)
    assert same(first, SyntheticSource(seed=3).frame("val", 7, SMALL))
    assert not same(first, SyntheticSource(seed=4).frame("val", 7, SMALL))


def test_no_world_is_in_two_splits():
    worlds = [SOURCE.world(split, index) for split in SPLITS for index in range(25)]
    layouts = {tuple((t.x, t.y, t.pattern) for t in world.things) for world in worlds}
    assert len(layouts) == len(worlds)


def test_length_of_a_split_does_not_change_its_worlds():
    assert SyntheticSource(seed=3, train=5).world("train", 4) == SOURCE.world("train", 4)


def test_fingerprint_tells_every_parameter():
    changed = [
        dataclasses.replace(SOURCE, seed=9),
        dataclasses.replace(SOURCE, train=9),
        dataclasses.replace(SOURCE, val=9),
        dataclasses.replace(SOURCE, test=9),
        dataclasses.replace(SOURCE, interval=0.2),
    ]
    prints = {source.fingerprint() for source in (SOURCE, *changed)}
    assert len(prints) == 6
    assert SyntheticSource(seed=3).fingerprint() == SOURCE.fingerprint()


def test_fingerprint_tells_the_version_of_the_renderer(monkeypatch):
    before = SOURCE.fingerprint()
    monkeypatch.setattr("nas.data.synthetic.source.RENDERER_VERSION", -1)
    assert SOURCE.fingerprint() != before


@pytest.mark.parametrize("index", [-1, 240])
def test_frame_beyond_the_end_is_an_error(index):
    with pytest.raises(DataError, match="there are 240"):
        SOURCE.frame("val", index, SMALL)


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"train": -1}, {"interval": 0.0}, {"interval": 2.0}]
)
def test_wrong_parameters_are_refused_by_name(wrong):
    with pytest.raises(DataError, match=next(iter(wrong))):
        SyntheticSource(**wrong)


def test_a_larger_resolution_shows_the_same_content():
    for index in range(4):
        small = SOURCE.frame("val", index, SMALL)
        large = SOURCE.frame("val", index, Resolution(256, 128))
        quads = large.image.reshape(64, 2, 128, 2, 3).mean(axis=(1, 3))
        assert np.abs(quads - small.image).mean() < 8
        around = large.labels["segmentation"].reshape(64, 2, 128, 2)
        agrees = (around == small.labels["segmentation"][:, None, :, None]).any(axis=(1, 3))
        assert agrees.mean() > 0.97


def test_every_class_is_there_and_balanced():
    segmentation = labels("train", 80, "segmentation")
    share = np.bincount(segmentation.ravel(), minlength=256)[: len(CLASSES)] / segmentation.size
    rare = {name: round(float(s), 4) for name, s in zip(CLASSES, share, strict=True) if s < 0.005}
    assert not rare
    assert share.max() < 0.45


def test_moving_share_and_depths_are_those_of_a_street():
    motion, depth = labels("train", 80, "motion"), labels("train", 80, "depth")
    assert 0.05 < motion[motion != 255].mean() < 0.09
    low, middle, high = np.percentile(depth[depth > 0], [5, 50, 95])
    assert 2 < low < 6 < middle < 15
    assert 30 < high < 80


def test_half_of_vehicles_and_pedestrians_move():
    segmentation, motion = labels("train", 80, "segmentation"), labels("train", 80, "motion")
    for name in ("vehicle", "pedestrian"):
        assert 0.35 < motion[segmentation == CLASSES.index(name)].mean() < 0.65


def mean_iou(predicted: np.ndarray, truth: np.ndarray) -> float:
    seen = truth != 255
    joint = np.bincount(predicted[seen].astype(int) * 10 + truth[seen], minlength=100)
    table = joint.reshape(10, 10)
    union = table.sum(0) + table.sum(1) - table.diagonal()
    return float((table.diagonal() / np.maximum(union, 1)).mean())


def test_colour_alone_does_not_solve_segmentation():
    """The best class of each of 4096 colours; on the frames that it was fitted on even."""
    bins = [
        np.stack([f.image for f in frames(split, number)]).astype(int) // 16
        for split, number in (("train", 80), ("val", 30))
    ]
    fitted, other = (b[..., 0] * 256 + b[..., 1] * 16 + b[..., 2] for b in bins)
    counts = np.zeros((4096, len(CLASSES)))
    truth = labels("train", 80, "segmentation")
    np.add.at(counts, (fitted[truth != 255], truth[truth != 255]), 1)
    best = counts.argmax(axis=1)
    assert mean_iou(best[other], labels("val", 30, "segmentation")) < 0.25
    assert mean_iou(best[fitted], truth) < 0.35


def test_position_alone_does_not_solve_segmentation_or_depth():
    segmentation = labels("train", 80, "segmentation")
    votes = np.stack([(segmentation == c).sum(axis=0) for c in range(len(CLASSES))])
    truth = labels("val", 30, "segmentation")
    assert mean_iou(np.broadcast_to(votes.argmax(axis=0), truth.shape), truth) < 0.35
    depth = labels("train", 80, "depth")
    usual = np.ma.median(np.ma.masked_equal(depth, 0), axis=0).filled(20.0)
    truth = labels("val", 30, "depth")
    valid = (truth > 1) & (truth < 80)
    ratio = (np.broadcast_to(usual, truth.shape) / np.maximum(truth, 0.1))[valid]
    assert (np.maximum(ratio, 1 / ratio) < 1.25).mean() < 0.65
