"""Dirt on the lens: how often, how much, and what it does to pictures and labels."""

import dataclasses
from functools import cache

import numpy as np

from nas.data.source import Split
from nas.data.synthetic import SyntheticSource
from nas.data.synthetic.render import Renderer
from nas.data.synthetic.soiling import SOILING, Dirt, classified, draw_dirt, frame_class
from nas.resolution import Resolution

SMALL, LARGE = Resolution(128, 64), Resolution(512, 256)
SOURCE = SyntheticSource(seed=6)
CLEAN, SEMI, OPAQUE = range(3)


@cache
def dirts(split: Split, number: int) -> tuple[Dirt | None, ...]:
    return tuple(SOURCE.dirt(split, index) for index in range(number))


def first(wanted: int) -> tuple[int, Dirt]:
    """Index and dirt of the first training frame of a class."""
    return next((i, d) for i, d in enumerate(dirts("train", 200)) if d and frame_class(d) == wanted)


def test_classes_are_in_the_order_of_the_task():
    assert SOILING == ("clean", "semi_transparent", "opaque")


def test_every_class_is_frequent_in_both_splits():
    for split in ("train", "val"):
        classes = [frame_class(dirt) for dirt in dirts(split, 200)]
        clean, semi, opaque = np.bincount(classes, minlength=3) / 200
        assert 0.6 < clean < 0.8
        assert 0.08 < semi < 0.23
        assert 0.08 < opaque < 0.23


def test_dirt_covers_a_moderate_part_and_hides_little_altogether():
    cover = np.array(
        [
            np.bincount(classified(dirt.density(SMALL)).ravel(), minlength=3) / 8192
            for dirt in dirts("train", 200)
            if dirt
        ]
    )
    assert 0.02 < np.median(cover[:, SEMI:].sum(axis=1)) < 0.35
    assert cover[:, SEMI:].sum(axis=1).max() < 0.6
    assert cover[:, OPAQUE].sum() / 200 < 0.025  # of all pixels of all frames


def test_a_frame_has_the_worst_class_that_covers_enough_of_it():
    for index, dirt in enumerate(dirts("train", 60)):
        labels = SOURCE.frame("train", index, SMALL).labels if index < 20 else None
        if dirt is None:
            assert frame_class(dirt) == CLEAN
            continue
        share = np.bincount(classified(dirt.density(SMALL)).ravel(), minlength=3) / 8192
        expected = OPAQUE if share[OPAQUE] >= 0.02 else SEMI if share[1:].sum() >= 0.02 else CLEAN
        assert frame_class(dirt) == expected
        if labels is not None:
            assert labels["soiling"] == expected
            np.testing.assert_array_equal(labels["soiling_tiles"], classified(dirt.density(SMALL)))


def test_a_speck_does_not_make_a_frame_dirty():
    _, dirt = first(OPAQUE)
    speck = dataclasses.replace(dirt.blobs[0], radius=0.01)
    assert classified(dataclasses.replace(dirt, blobs=(speck,)).density(SMALL)).any()
    assert frame_class(dataclasses.replace(dirt, blobs=(speck,))) == CLEAN


def test_masks_do_not_depend_on_the_resolution():
    for wanted in (SEMI, OPAQUE):
        _, dirt = first(wanted)
        small, large = (classified(dirt.density(size)) for size in (SMALL, LARGE))
        assert (large.reshape(64, 4, 128, 4)[:, 2, :, 2] == small).mean() > 0.97


def seen(index: int, dirt: Dirt | None) -> tuple[np.ndarray, np.ndarray]:
    """Now and before, without noise, through a lens; linear in light."""
    world = SOURCE.world("train", index)
    light = dataclasses.replace(world.light, noise=0.0, exposure_before=1.0, vignette=0.0)
    world = dataclasses.replace(world, light=light)
    renderer, noise = Renderer(world, dirt), np.random.default_rng(0)
    return tuple(
        (renderer.image(time, world.ego.camera(time), SMALL, noise) / 255.0) ** 2
        for time in (0.0, -0.15)
    )


def test_opaque_dirt_hides_the_world_and_films_let_it_through():
    for wanted, least, most in ((OPAQUE, 0.0, 0.2), (SEMI, 0.25, 0.85)):
        kept = []
        for dirt in [d for d in dirts("train", 100) if d and frame_class(d) == wanted][:4]:
            only = dataclasses.replace(dirt, blobs=dirt.blobs[:1])
            mask = classified(only.density(SMALL)) == wanted
            clean, dirty = (
                np.mean([contrast(seen(index, lens)[0], mask) for index in range(4)])
                for lens in (None, only)
            )
            kept.append(dirty / clean)
        assert least <= np.mean(kept) < most


def contrast(image: np.ndarray, mask: np.ndarray) -> float:
    """Deviation of the pixels of a mask from their mean colour."""
    return float(np.std(image[mask] - image[mask].mean(axis=0)))


def test_the_same_dirt_lies_over_both_frames_and_nothing_else_changes():
    index, dirt = first(OPAQUE)
    mask = classified(dirt.density(SMALL))
    for clean, dirty in zip(seen(index, None), seen(index, dirt), strict=True):
        np.testing.assert_array_equal(
            clean[dirt.density(SMALL) == 0], dirty[dirt.density(SMALL) == 0]
        )
        assert np.abs(clean - dirty)[mask == OPAQUE].mean() > 0.02


def test_dirt_does_not_tell_the_world():
    """Drawn on its own: no kind of street or weather is dirtier."""
    rng = np.random.default_rng(0)
    assert draw_dirt(np.random.default_rng(5)) == draw_dirt(np.random.default_rng(5))
    scenes = [SOURCE.world("train", i).scene == "city" for i in range(200)]
    dirty = [dirt is not None for dirt in dirts("train", 200)]
    shuffled = [abs(np.corrcoef(scenes, rng.permutation(dirty))[0, 1]) for _ in range(200)]
    assert abs(np.corrcoef(scenes, dirty)[0, 1]) < np.max(shuffled)
