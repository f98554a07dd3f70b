"""Vehicles and pedestrians. Whether one moves is drawn apart from where and how it stands, so
that no single picture tells it: only the frame before does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nas.data.synthetic import palette
from nas.data.synthetic.solids import Box, Figure, Wheels, tapered
from nas.data.synthetic.world import SLOWEST, Material, Part, Road, Shadow, Thing

Generator = np.random.Generator
_TURNED = 0.25  # share of vehicles that stand or drive at an angle, as when leaving the kerb
_AGAINST_ROW = 0.15  # share of vehicles that do not do what their row does


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A row of places for vehicles: its offset, direction, first place and share taken."""

    offset: float
    backward: bool
    start: float
    taken: float
    gaps: tuple[float, float]


class Places:
    """Rectangles already taken on the ground, along the road's x and offset."""

    def __init__(self) -> None:
        self._taken: list[tuple[float, float, float, float]] = []

    def take(self, along: float, offset: float, length: float, width: float) -> bool:
        """Take a rectangle around a point, unless it overlaps one that is taken."""
        x0, x1 = along - length / 2, along + length / 2
        y0, y1 = offset - width / 2, offset + width / 2
        for a0, a1, b0, b1 in self._taken:
            if x0 < a1 and a0 < x1 and y0 < b1 and b0 < y1:
                return False
        self._taken.append((x0, x1, y0, y1))
        return True


def vehicles(rng: Generator, road: Road, lanes: tuple[Lane, ...], places: Places) -> list[Thing]:
    """All vehicles: rows along the road, then those of the side street."""
    found: list[Thing] = []
    for lane in lanes:
        found += _row(rng, road, lane, places)
    if road.side_street is not None:
        found += _crossing(rng, road, road.side_street, places)
    return found


def pedestrians(rng: Generator, road: Road, number: int, places: Places) -> list[Thing]:
    """People on the pavement, at the kerb and on the road, standing or walking."""
    found = []
    for _ in range(number):
        along = 4.0 + 20.0 * rng.random() ** 1.5
        if rng.random() < 0.3:
            offset = rng.uniform(-road.half_width, road.half_width)
        else:
            side = -1 if rng.random() < 0.5 else 1
            offset = side * (road.half_width + rng.uniform(-0.4, max(road.walk, 1.0)))
        if along > 5 or abs(offset) > 2.5:
            person = _pedestrian(rng, road, along, offset)
            if places.take(along, offset, 0.6, 0.6):
                found.append(person)
    return found


def _row(rng: Generator, road: Road, lane: Lane, places: Places) -> list[Thing]:
    """One row; its vehicles mostly all stand or all drive."""
    row_moves, pace = rng.random() < 0.5, rng.uniform(5.0, 14.0)
    found: list[Thing] = []
    along = lane.start
    while along < 60 and len(found) < 7:
        length, width, _ = size = _size(rng)
        middle = along + length / 2
        offset = lane.offset + rng.uniform(-0.25, 0.25)
        moves = row_moves != (rng.random() < _AGAINST_ROW)
        turn = rng.uniform(-0.3, 0.3) if rng.random() < _TURNED else rng.uniform(-0.03, 0.03)
        speed = max(pace + rng.uniform(-1.5, 1.5), 2 * SLOWEST) if moves else 0.0
        if rng.random() < lane.taken and places.take(middle, offset, length + 0.8, width + 0.3):
            x, y, yaw = road.place(middle, offset)
            facing = yaw + turn + (math.pi if lane.backward else 0.0)
            found.append(_vehicle(rng, (x, y, facing), size, speed))
        along += length + rng.uniform(*lane.gaps)
    return found


def _crossing(
    rng: Generator, road: Road, street: tuple[float, float], places: Places
) -> list[Thing]:
    found: list[Thing] = []
    middle, quarter = sum(street) / 2, (street[1] - street[0]) / 4
    for side in (-1, 1):
        moves, pace = rng.random() < 0.5, rng.uniform(4.0, 11.0)
        offset = rng.uniform(-14, -6)
        for _ in range(3):
            length, width, _ = size = _size(rng)
            along = middle + side * quarter + rng.uniform(-0.3, 0.3)
            wanted = rng.random() < 0.55
            if wanted and places.take(along, offset, width + 0.3, length + 0.8):
                x, y, yaw = road.place(along, offset)
                facing = yaw + side * math.pi / 2 + rng.uniform(-0.1, 0.1)
                found.append(_vehicle(rng, (x, y, facing), size, pace if moves else 0.0))
            offset += length + rng.uniform(1.5, 8)
    return found


def _size(rng: Generator) -> tuple[float, float, float]:
    """Length, width, height of a car, a van or a lorry (or bus), in metres."""
    kind = rng.random()
    if kind < 0.72:
        return rng.uniform(3.7, 4.9), rng.uniform(1.65, 1.9), rng.uniform(1.38, 1.75)
    if kind < 0.92:
        return rng.uniform(4.5, 5.8), rng.uniform(1.85, 2.05), rng.uniform(1.9, 2.5)
    return rng.uniform(7.0, 10.5), rng.uniform(2.3, 2.5), rng.uniform(2.8, 3.3)


def _vehicle(
    rng: Generator,
    pose: tuple[float, float, float],
    size: tuple[float, float, float],
    speed: float,
) -> Thing:
    length, width, height = size
    colour = palette.paint(rng)
    glass = palette.grey(rng, 0.02, 0.14)
    lamps = rng.uniform(0.2, 1.0)
    x, y, yaw = pose
    radius = min(0.3 + 0.03 * height, 0.45)
    wheels = Wheels(
        front=length * rng.uniform(0.27, 0.33),
        rear=-length * rng.uniform(0.25, 0.33),
        radius=radius,
        sill=rng.uniform(0.2, 0.3),
    )
    low, half = -length / 2, width / 2
    is_car = height < 1.8
    top = height * rng.uniform(0.54, 0.6) if is_car else height
    body = Part(
        solid=Box(low=(low, -half, 0.0), high=(-low, half, top), wheels=wheels),
        material=Material.PAINT,
        colour=colour,
        accent=glass,
        detail=(lamps, 0.0 if is_car else height * rng.uniform(0.45, 0.55)),
    )
    parts = [body]
    if is_car:
        bonnet, boot = length * rng.uniform(0.2, 0.29), length * rng.uniform(0.0, 0.16)
        cabin = tapered(
            (low + boot + 0.02, -half + 0.03, top),
            (-low - bonnet, half - 0.03, height),
            front=rng.uniform(0.4, 0.75),
            back=rng.uniform(0.1, 0.5),
            sides=0.16,
        )
        parts.append(Part(solid=cabin, material=Material.CABIN, colour=colour, accent=glass))
    shadows = tuple(
        Shadow(x=share * length, y=0.0, radius=half, low=0.0, high=height)
        for share in (-0.3, 0.0, 0.3)
    )
    return Thing(
        kind="vehicle",
        x=x,
        y=y,
        yaw=yaw,
        size=size,
        parts=tuple(parts),
        pattern=int(rng.integers(1 << 14)),
        shadows=shadows,
        speed=speed,
        course=yaw,
    )


def _pedestrian(rng: Generator, road: Road, along: float, offset: float) -> Thing:
    x, y, yaw = road.place(along, offset)
    height, moves = rng.uniform(1.45, 1.95), rng.random() < 0.5
    across = rng.random() < 0.45
    course = yaw + (math.pi / 2 if across else 0.0) + (math.pi if rng.random() < 0.5 else 0.0)
    legs, trunk = palette.cloth(rng), palette.cloth(rng)
    figure = Figure(
        height=height,
        girth=rng.uniform(0.18, 0.26),
        stride=rng.uniform(0.0, 0.32),
        swing=rng.uniform(0.2, 0.42),
    )
    return Thing(
        kind="pedestrian",
        x=x,
        y=y,
        yaw=math.atan2(y, x) + math.pi,  # the flat figure faces the camera
        size=(0.5, 0.6, height),
        parts=(
            Part(
                solid=figure,
                material=Material.CLOTH,
                colour=trunk,
                accent=legs,
                detail=(rng.uniform(0.1, 0.6), 0.0),
            ),
        ),
        pattern=int(rng.integers(1 << 14)),
        shadows=(Shadow(x=0.0, y=0.0, radius=0.26, low=0.0, high=height),),
        speed=rng.uniform(SLOWEST, 2.8) if moves else 0.0,
        course=course + rng.uniform(-0.25, 0.25),
    )
