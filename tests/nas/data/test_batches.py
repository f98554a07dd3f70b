from __future__ import annotations

import numpy as np
import pytest
import torch

from nas.data.batches import IMAGE_MEAN, IMAGE_STD, TrainingData, gather, normalize
from nas.data.cache import CachedFrames
from nas.tasks.kinds import make_task
from search_spaces.default_tasks import DEPTH, MOTION, SEGMENTATION

SPECS = {spec.name: spec for spec in (DEPTH, MOTION, SEGMENTATION)}
TASKS = {name: make_task(spec) for name, spec in SPECS.items()}


def frames_of(names: tuple[str, ...], count: int = 12, streams: int = 2) -> CachedFrames:
    """Frames whose red channel repeats in every label, so that both must move together."""
    generator = np.random.default_rng(len(names))
    blocks = generator.integers(0, 2, (count, 1, 1, 4, 8), dtype=np.uint8)
    red = blocks.repeat(8, axis=-1).repeat(8, axis=-2)
    images = np.repeat(np.repeat(red * 200, streams, axis=1), 3, axis=2)
    labels = {
        name: red[:, 0, 0].astype(TASKS[name].label_dtype) * (20 if name == "depth" else 1)
        for name in names
    }
    return CachedFrames(
        source_name="+".join(names),
        split="train",
        tasks=tuple(SPECS[name] for name in names),
        has_previous=streams == 2,
        images=images,
        labels=labels,
        labelled={name: np.ones(count, np.bool_) for name in names},
    )


def data_of(*sets: CachedFrames, samples: int = 48, seed: int = 0) -> TrainingData:
    return TrainingData(sets, TASKS, streams=2, samples=samples, batch_size=4, seed=seed)


def test_labels_follow_their_pixels_through_flip_and_zoom() -> None:
    data = data_of(frames_of(("motion", "segmentation", "depth")), samples=400)
    agreement = []
    for step in range(20):
        batch = data.batch(step)
        red = batch.frames[:, 0, 0]
        middle = (red.amax((1, 2), keepdim=True) + red.amin((1, 2), keepdim=True)) / 2
        agreement.append(((red > middle) == (batch.labels["motion"] == 1)).float().mean().item())
        assert torch.equal(batch.labels["motion"], batch.labels["segmentation"])
        assert torch.equal(batch.labels["motion"] == 1, batch.labels["depth"] > 0)
    assert min(agreement) > 0.97  # zooming interpolates the image along the edges of blocks
    assert max(agreement) == 1.0


def test_zoom_brings_depth_nearer() -> None:
    data = data_of(frames_of(("depth",)), samples=400)
    depths = {round(data.batch(step).labels["depth"].max().item(), 3) for step in range(len(data))}
    assert max(depths) == 20.0
    assert min(depths) < 19.0
    assert min(depths) >= 20.0 / 1.31


def test_both_frames_of_a_sample_are_changed_alike() -> None:
    data = data_of(frames_of(("motion",)))
    for step in range(len(data)):
        frames = data.batch(step).frames
        torch.testing.assert_close(frames[:, 0], frames[:, 1], rtol=1e-4, atol=1e-4)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    frames = frames_of(("motion",))
    first, second = data_of(frames), data_of(frames)
    second.batch(0)
    assert torch.equal(first.batch(3).frames, second.batch(3).frames)
    assert not torch.equal(first.batch(3).frames, first.batch(4).frames)
    assert data_of(frames, seed=1).plans != first.plans


def test_the_cached_frames_stay_as_they_are() -> None:
    frames = frames_of(("motion",))
    before = frames.images.copy(), frames.labels["motion"].copy()
    data = data_of(frames)
    for step in range(len(data)):
        data.batch(step)
    assert np.array_equal(frames.images, before[0])
    assert np.array_equal(frames.labels["motion"], before[1])


def test_every_frame_comes_once_before_any_comes_again() -> None:
    data = data_of(frames_of(("motion",), count=8), samples=32)
    seen = [frame for plan in data.plans for frame in plan.frames]
    for begin in range(0, 32, 8):
        assert sorted(seen[begin : begin + 8]) == list(range(8))


def test_sources_take_turns_and_each_batch_has_the_labels_of_its_source() -> None:
    data = data_of(frames_of(("motion",)), frames_of(("depth", "segmentation")))
    labels = [set(data.batch(step).labels) for step in range(4)]
    assert labels == [{"motion"}, {"depth", "segmentation"}] * 2


def test_a_task_alone_keeps_only_the_steps_that_label_it() -> None:
    data = data_of(frames_of(("motion",)), frames_of(("depth", "segmentation")))
    part = data.for_tasks(["depth"], streams=2)
    assert len(part) == len(data) // 2
    assert all(set(part.batch(step).labels) == {"depth"} for step in range(len(part)))


def test_a_task_alone_skips_batches_whose_frames_have_no_label_of_it() -> None:
    frames = frames_of(("depth", "segmentation"))
    frames.labelled["depth"][1:] = False
    data = data_of(frames)
    part = data.for_tasks(["depth"], streams=2)
    assert part.plans == tuple(plan for plan in data.plans if 0 in plan.frames)
    assert 0 < len(part) < len(data)
    assert all(set(part.batch(step).labels) == {"depth"} for step in range(len(part)))


def test_frames_without_any_label_are_never_drawn() -> None:
    frames = frames_of(("motion",), count=8)
    frames.labelled["motion"][::2] = False
    data = data_of(frames)
    assert {frame % 2 for plan in data.plans for frame in plan.frames} == {1}


def test_the_current_frame_stands_in_for_a_missing_previous_one() -> None:
    images, _ = gather(frames_of(("motion",), streams=1), [0, 1], TASKS, 2)
    assert images.shape == (2, 2, 3, 32, 64)
    assert torch.equal(images[:, 0], images[:, 1])


def test_normalization_is_that_of_imagenet() -> None:
    white = normalize(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8))
    expected = [(1 - mean) / std for mean, std in zip(IMAGE_MEAN, IMAGE_STD, strict=True)]
    assert white[0, :, 0, 0].tolist() == pytest.approx(expected, rel=1e-5)
