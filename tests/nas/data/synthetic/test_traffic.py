"""One picture must not tell what moves: neither the place nor the pose gives it away."""

import math
from functools import cache

import numpy as np

from nas.data.synthetic import SyntheticSource
from nas.data.synthetic.world import SLOWEST, Thing, World

WORLDS = 250


@cache
def movable() -> tuple[tuple[World, Thing], ...]:
    source = SyntheticSource(seed=1)
    worlds = [source.world("train", index) for index in range(WORLDS)]
    return tuple(
        (world, thing)
        for world in worlds
        for thing in world.things
        if thing.kind in ("vehicle", "pedestrian")
    )


def moving_share(selected: list[Thing]) -> float:
    assert len(selected) > 80
    return float(np.mean([thing.speed > 0 for thing in selected]))


def offset(world: World, thing: Thing) -> float:
    return thing.y - world.road.curvature * thing.x**2 / 2


def test_nothing_moves_slower_than_can_be_seen():
    speeds = [thing.speed for _, thing in movable()]
    assert min(speed for speed in speeds if speed) >= SLOWEST


def test_only_vehicles_and_pedestrians_move():
    for world, _ in movable():
        for thing in world.things:
            assert thing.kind in ("vehicle", "pedestrian") or thing.speed == 0


def test_vehicles_move_as_often_at_the_kerb_as_in_the_lanes():
    vehicles = [(w, t) for w, t in movable() if t.kind == "vehicle"]
    kerb = [t for w, t in vehicles if abs(offset(w, t)) > w.road.half_width - 2]
    lanes = [t for w, t in vehicles if abs(offset(w, t)) < w.road.half_width - 3]
    assert 0.38 < moving_share(kerb) < 0.62
    assert 0.38 < moving_share(lanes) < 0.62


def test_turned_vehicles_move_as_often_as_straight_ones():
    def turn(world: World, thing: Thing) -> float:
        return abs(math.remainder(thing.yaw - math.atan(world.road.curvature * thing.x), math.pi))

    vehicles = [(turn(w, t), t) for w, t in movable() if t.kind == "vehicle"]
    assert 0.38 < moving_share([t for angle, t in vehicles if 0.1 < angle < 0.4]) < 0.62
    assert 0.38 < moving_share([t for angle, t in vehicles if angle < 0.05]) < 0.62


def test_pedestrians_move_as_often_on_the_road_as_beside_it():
    people = [(w, t) for w, t in movable() if t.kind == "pedestrian"]
    on_road = [t for w, t in people if abs(offset(w, t)) < w.road.half_width - 0.5]
    beside = [t for w, t in people if abs(offset(w, t)) > w.road.half_width]
    assert 0.38 < moving_share(on_road) < 0.62
    assert 0.38 < moving_share(beside) < 0.62


def test_the_camera_stands_in_some_worlds_and_drives_in_most():
    speeds = np.array([w.ego.speed for w in {id(w): w for w, _ in movable()}.values()])
    assert 0.2 < (speeds == 0).mean() < 0.5
    assert speeds.max() <= 15
    assert speeds[speeds > 0].min() >= 1.5


def test_vehicles_stand_clear_of_each_other():
    by_world: dict[int, list[Thing]] = {}
    for world, thing in movable():
        if thing.kind == "vehicle":
            by_world.setdefault(id(world), []).append(thing)
    for things in by_world.values():
        places = np.array([(t.x, t.y) for t in things])
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        assert (apart + 9 * np.eye(len(things))).min() > 1.6
