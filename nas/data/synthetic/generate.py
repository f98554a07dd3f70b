"""Draws a world from a generator: the plan of the street first, then who is on it."""

from __future__ import annotations

import math

import numpy as np

from nas.data.synthetic import palette, street, traffic, weather
from nas.data.synthetic.camera import Camera, EgoMotion
from nas.data.synthetic.surroundings import CITY, COUNTRY, SUBURB, Surroundings
from nas.data.synthetic.world import SCENES, Ground, Line, Road, World

Generator = np.random.Generator
_STYLES = (CITY, SUBURB, COUNTRY)  # in the order of `SCENES`
_SCENE_SHARES = (0.45, 0.3, 0.25)
#: Radians. A car keeps to its lane within half a degree or so; a camera is mounted, and a body
#: rolls and pitches on its springs, within a few.
_HEADING, _MOUNT_YAW, _MOUNT_PITCH = 0.01, 0.05, 0.03


def generate(rng: Generator) -> World:
    """A world; equal generator states give equal worlds."""
    scene = int(rng.choice(len(SCENES), p=_SCENE_SHARES))
    style = _STYLES[scene]
    lane = rng.uniform(2.9, 3.5)
    lanes_each_way = 2 if rng.random() < 0.25 else 1
    shoulder = rng.uniform(2.0, 2.5) if rng.random() < 0.75 else 0.4
    road = _road(rng, lane, lanes_each_way, shoulder, style)
    ego_offset = -lane * (0.5 + int(rng.integers(lanes_each_way)))
    things, rows = street.build(rng, road, style)
    places = traffic.Places()
    places.take(0.0, ego_offset, 13.0, 3.0)  # the camera's own car, and where it comes from
    lanes = _lanes(rng, lane, lanes_each_way, shoulder)
    things += traffic.vehicles(rng, road, lanes, places)
    things += traffic.pedestrians(rng, road, int(rng.integers(3, 13)), places)
    return World(
        scene=SCENES[scene],
        road=road,
        ground=_ground(rng),
        light=weather.light(rng),
        ego=_ego(rng, road, ego_offset),
        things=tuple(things),
        rows=rows,
    )


def _road(rng: Generator, lane: float, lanes: int, shoulder: float, style: Surroundings) -> Road:
    half = lanes * lane + shoulder
    walk = 0.0 if style is COUNTRY and rng.random() < 0.6 else rng.uniform(1.6, 4.0)
    side_street = None
    if rng.random() < 0.45:
        start = rng.uniform(9, 30)
        side_street = (start, start + rng.uniform(6.0, 8.5))
    zebra_at = side_street[0] - 4.5 if side_street else rng.uniform(7, 25)
    zebra = (zebra_at, zebra_at + 3.2) if rng.random() < 0.35 else None
    stop = (zebra_at - 1.6, zebra_at - 1.1) if rng.random() < 0.4 else None
    return Road(
        curvature=rng.uniform(-0.006, 0.006) if rng.random() < 0.6 else 0.0,
        half_width=half,
        kerb=rng.uniform(0.08, 0.16) if walk else 0.02,
        walk=walk,
        lines=_lines(rng, lane, lanes, half, shoulder),
        zebra=zebra,
        stop_line=stop,
        side_street=side_street,
    )


def _lines(
    rng: Generator, lane: float, lanes: int, half: float, shoulder: float
) -> tuple[Line, ...]:
    """Middle line (dashed, solid or double), lane lines, edge lines."""
    width, period = rng.uniform(0.13, 0.25), rng.uniform(4.0, 9.0)
    dash = period * rng.uniform(0.35, 0.65)
    dashed = Line(offset=0.0, width=width, period=period, dash=dash)
    middle = rng.random()
    found: list[Line] = []
    if middle < 0.5:
        found.append(dashed)
    elif middle < 0.75:
        found.append(Line(offset=0.0, width=width))
    elif middle < 0.92:
        found += [Line(offset=side * 1.2 * width, width=width) for side in (-1, 1)]
    for side in (-1, 1):
        for number in range(1, lanes):
            found.append(Line(offset=side * number * lane, width=width, period=period, dash=dash))
        if rng.random() < 0.6:
            edge = half - shoulder if shoulder > 1 else half - 0.3
            is_dashed = rng.random() < 0.4
            found.append(
                Line(offset=side * edge, width=width, period=2.0 * is_dashed, dash=1.0 * is_dashed)
            )
    return tuple(found)


def _lanes(rng: Generator, lane: float, lanes: int, shoulder: float) -> tuple[traffic.Lane, ...]:
    """Where vehicles stand or drive: traffic lanes and, where there is room, both kerbs."""
    found: list[traffic.Lane] = []
    busy = rng.uniform(0.35, 1.0)
    for number in range(lanes):
        for side in (-1, 1):
            found.append(
                traffic.Lane(
                    offset=side * lane * (number + 0.5),
                    backward=side > 0,
                    start=rng.uniform(2.0, 12.0),
                    taken=busy * rng.uniform(0.4, 1.0),
                    gaps=(1.5, 14.0),
                )
            )
    if shoulder > 1:
        for side in (-1, 1):
            found.append(
                traffic.Lane(
                    offset=side * (lanes * lane + shoulder / 2),
                    backward=side > 0,
                    start=rng.uniform(-2.0, 9.0),
                    taken=rng.uniform(0.2, 0.95),
                    gaps=(0.9, 6.0),
                )
            )
    return tuple(found)


def _ego(rng: Generator, road: Road, offset: float) -> EgoMotion:
    """The camera: standing in a third of the worlds, else 1.5 to 15 m/s, more often slow."""
    speed = 0.0 if rng.random() < 0.35 else 1.5 + 13.5 * rng.random() ** 1.6
    heading = rng.normal(0.0, _HEADING)
    camera = Camera(
        x=0.0,
        y=offset + rng.uniform(-0.4, 0.4),
        z=rng.uniform(1.2, 1.7),
        yaw=heading + rng.normal(0.0, _MOUNT_YAW),
        pitch=rng.normal(-0.03, _MOUNT_PITCH),
        focal=0.5 / math.tan(math.radians(rng.uniform(70.0, 90.0) / 2)),
    )
    moving = 1.0 if speed else 0.0
    return EgoMotion(
        at_zero=camera,
        heading=heading,
        speed=speed,
        yaw_rate=moving * (speed * road.curvature + rng.normal(0.0, 0.03)),
        pitch_rate=moving * rng.normal(0.0, 0.015),
    )


def _ground(rng: Generator) -> Ground:
    soil = palette.tinted(rng, (0.06, 0.14), 0.6, (0.1, 0.4))
    return Ground(
        asphalt=palette.grey(rng, 0.06, 0.32),
        marking=palette.tinted(rng, (0.1, 0.16), 0.5 * (rng.random() < 0.2), (0.4, 0.8)),
        paving=palette.tinted(rng, (0.0, 0.14), 0.3, (0.08, 0.45)),
        soil=soil,
        grass=palette.foliage(rng) if rng.random() < 0.8 else soil,
        contrast=rng.uniform(0.05, 0.2),
        wear=rng.uniform(0.0, 0.35),
        slab=rng.uniform(0.5, 2.0),
        pattern=int(rng.integers(1 << 14)),
    )
