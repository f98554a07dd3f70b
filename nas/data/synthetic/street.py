"""What stands still beside the road: houses, plants, posts and what closes the view."""

from __future__ import annotations

import math

import numpy as np

from nas.data.synthetic import palette
from nas.data.synthetic.planting import plants
from nas.data.synthetic.posts import posts
from nas.data.synthetic.solids import Box, Convex, Ellipsoid
from nas.data.synthetic.surroundings import CITY, Surroundings
from nas.data.synthetic.world import Material, Part, Road, Row, Thing

Generator = np.random.Generator
_ROW_START, _ROW_LENGTH = -20.0, 160


def build(rng: Generator, road: Road, style: Surroundings) -> tuple[list[Thing], tuple[Row, Row]]:
    """All standing things of a street, and the heights of its two rows of houses."""
    things: list[Thing] = []
    rows = []
    for side in (-1, 1):
        houses, row = _houses(rng, road, style, side)
        things += houses + plants(rng, road, style, side) + posts(rng, road, style, side)
        rows.append(row)
    return things + _far_end(rng, road, style), (rows[0], rows[1])


def _houses(rng: Generator, road: Road, style: Surroundings, side: int) -> tuple[list[Thing], Row]:
    found: list[Thing] = []
    heights = [0.0] * _ROW_LENGTH
    setback = rng.uniform(*style.setback)
    wall = road.half_width + road.walk + setback
    along = rng.uniform(-12, 2)
    while along < 110:
        length, height = rng.uniform(*style.length), rng.uniform(*style.height)
        if not road.opens(along - 1.5, along + length + 1.5):
            offset = wall + rng.uniform(0, 0.5 if setback < 1 else 2.0)
            found.append(_house(rng, road, style, side, (along, offset, length, height)))
            for metre in range(int(along - _ROW_START), int(along + length - _ROW_START)):
                heights[metre] = height
            along += length
        else:
            along += 4.0
        if rng.random() < style.gap_share:
            along += rng.uniform(*style.gap)
    return found, Row(offset=side * wall, start=_ROW_START, heights=tuple(heights))


def _house(
    rng: Generator,
    road: Road,
    style: Surroundings,
    side: int,
    place: tuple[float, float, float, float],
) -> Thing:
    along, offset, length, height = place
    depth = rng.uniform(8, 14)
    x, y, yaw = road.place(along + length / 2, side * (offset + depth / 2))
    low, high = (-length / 2, -depth / 2, 0.0), (length / 2, depth / 2, height)
    colour, glass = palette.wall(rng), palette.grey(rng, 0.02, 0.3)
    detail = (rng.uniform(1.6, 3.6), rng.uniform(2.7, 3.6))
    walls = Part(
        solid=Box(low=low, high=high),
        material=Material.FACADE,
        colour=colour,
        accent=glass,
        detail=detail,
    )
    parts, top = [walls], height
    if rng.random() < style.pitched:
        top = height + depth * rng.uniform(0.2, 0.4)
        roof = _gable(length / 2 + 0.3, depth / 2 + 0.4, height, top)
        parts.append(Part(solid=roof, material=Material.ROOF, colour=palette.wall(rng)))
    return Thing(
        kind="building",
        x=x,
        y=y,
        yaw=yaw,
        size=(length, depth, top),
        parts=tuple(parts),
        pattern=int(rng.integers(1 << 14)),
    )


def _gable(half_length: float, half_depth: float, eaves: float, ridge: float) -> Convex:
    """A roof with its ridge along x."""
    rise = ridge - eaves
    slant = math.hypot(rise, half_depth)
    up, out = half_depth / slant, rise / slant
    reach = up * ridge
    return Convex(
        planes=(
            (0.0, out, up, reach),
            (0.0, -out, up, reach),
            (1.0, 0.0, 0.0, half_length),
            (-1.0, 0.0, 0.0, half_length),
            (0.0, 0.0, -1.0, -eaves),
        ),
        low=(-half_length, -half_depth, eaves),
        high=(half_length, half_depth, ridge),
    )


def _far_end(rng: Generator, road: Road, style: Surroundings) -> list[Thing]:
    """Houses and woods that close the view where the road leaves it."""
    found: list[Thing] = []
    middle = road.place(110.0, 0.0)[1]
    offset = middle - 70.0
    while offset < middle + 70.0:
        width, along = rng.uniform(8, 24), rng.uniform(100, 160)
        if rng.random() < (0.6 if style is CITY else 0.25):
            height = rng.uniform(5, 18)
            detail = (rng.uniform(1.6, 3.6), rng.uniform(2.7, 3.6))
            part = Part(
                solid=Box(low=(-5.0, -width / 2, 0.0), high=(5.0, width / 2, height)),
                material=Material.FACADE,
                colour=palette.wall(rng),
                accent=palette.grey(rng, 0.02, 0.3),
                detail=detail,
            )
            kind = "building"
        else:
            height = rng.uniform(4, 11)
            wood = Ellipsoid(
                centre=(0.0, 0.0, height * 0.35),
                radii=(6.0, width * 0.6, height * 0.65),
                ragged=0.3,
                pattern=int(rng.integers(1 << 14)),
            )
            part = Part(solid=wood, material=Material.LEAVES, colour=palette.foliage(rng))
            kind = "vegetation"
        found.append(
            Thing(
                kind=kind,
                x=along,
                y=offset,
                yaw=0.0,
                size=(12.0, width, height),
                parts=(part,),
                pattern=int(rng.integers(1 << 14)),
            )
        )
        offset += width
    return found
