"""Scenes and weather: every class is there, and fog is to be seen."""

import dataclasses
from functools import cache

import numpy as np

from nas.data.source import Split
from nas.data.synthetic import SyntheticSource
from nas.data.synthetic.render import Renderer
from nas.data.synthetic.weather import sight
from nas.data.synthetic.world import CLASSES, SCENES, WEATHERS, World
from nas.resolution import Resolution

SMALL = Resolution(128, 64)
SOURCE = SyntheticSource(seed=8)


@cache
def worlds(split: Split, number: int) -> tuple[World, ...]:
    return tuple(SOURCE.world(split, index) for index in range(number))


def test_every_scene_and_weather_is_frequent_in_both_splits():
    for split in ("train", "val"):
        found = worlds(split, 200)
        weather = [np.mean([w.light.weather == name for w in found]) for name in WEATHERS]
        np.testing.assert_allclose(weather, [0.45, 0.35, 0.2], atol=0.09)
        scene = [np.mean([w.scene == name for w in found]) for name in SCENES]
        np.testing.assert_allclose(scene, [0.45, 0.3, 0.25], atol=0.09)


def test_scenes_are_built_differently():
    heights = {
        scene: np.mean([max(w.rows[0].heights) for w in worlds("train", 200) if w.scene == scene])
        for scene in SCENES
    }
    assert heights["city"] > 1.5 * heights["suburb"]
    gaps = {
        scene: np.mean(
            [
                np.mean(np.array(w.rows[0].heights) == 0)
                for w in worlds("train", 200)
                if w.scene == scene
            ]
        )
        for scene in SCENES
    }
    assert gaps["city"] < gaps["suburb"] < gaps["country"]


def test_the_sun_shines_in_clear_weather_alone_and_fog_is_thick():
    for world in worlds("train", 200):
        light = world.light
        assert (light.sun[0] > 0) == (light.weather == "clear")
        if light.weather == "fog":
            assert 20 <= light.visibility <= 50
        else:
            assert 80 <= light.visibility <= 900


def test_sight_ends_where_a_twentieth_of_the_contrast_is_left():
    light = worlds("train", 1)[0].light
    np.testing.assert_allclose(np.exp(-sight(light) / light.visibility), 0.05)


def picture(world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Brightness in linear light without noise, depth, and where the sky is."""
    light = dataclasses.replace(world.light, noise=0.0, vignette=0.0)
    world = dataclasses.replace(world, light=light)
    view = Renderer(world).view(0.0, world.ego.camera(0.0), SMALL, np.random.default_rng(0))
    grey = (view.image / 255.0).mean(axis=-1) ** 2
    return grey, view.depth, view.class_id == CLASSES.index("sky")


def in_fog(number: int) -> list[World]:
    return [w for w in worlds("train", 80) if w.light.weather == "fog"][:number]


def test_fog_takes_the_contrast_of_what_is_far_and_leaves_what_is_near():
    near, far = [], []
    for world in in_fog(10):
        thin = dataclasses.replace(world.light, visibility=900.0)
        grey, depth, _ = picture(world)
        without, _, _ = picture(dataclasses.replace(world, light=thin))
        for kept, places in ((near, (depth > 0) & (depth < 6)), (far, depth > 60)):
            if places.sum() > 30:
                kept.append(np.std(grey[places]) / np.std(without[places]))
    assert len(far) > 5
    assert np.mean(far) < 0.4
    assert np.mean(near) > 0.7


def test_fog_hides_the_sky():
    plain = {
        name: np.mean(
            [np.std(grey[above]) for grey, _, above in map(picture, found) if above.sum() > 200]
        )
        for name in WEATHERS
        if (found := [w for w in worlds("train", 60) if w.light.weather == name][:8])
    }
    assert plain["fog"] < 0.5 * min(plain["clear"], plain["overcast"])


def test_the_sky_meets_the_fog_without_a_seam():
    (world,) = in_fog(1)
    thick = dataclasses.replace(world.light, visibility=20.0)
    open_road = dataclasses.replace(world, things=(), light=thick)
    grey, depth, above = picture(open_road)
    edge = int(np.flatnonzero(above.all(axis=1))[-1])
    assert depth[edge + 1].max() > 60
    assert np.abs(grey[edge] - grey[edge + 1]).max() < 0.02
