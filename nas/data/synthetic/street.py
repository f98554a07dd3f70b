"""What stands still beside the road: houses, trees, hedges, lamps, signs and the far end."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nas.data.synthetic import palette
from nas.data.synthetic.solids import Box, Column, Convex, Ellipsoid
from nas.data.synthetic.world import Colour, Material, Part, Road, Row, Shadow, Thing

Generator = np.random.Generator
_ROW_START, _ROW_LENGTH = -20.0, 160


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """How a neighbourhood is built: ranges in metres, shares from 0 to 1."""

    setback: tuple[float, float]
    length: tuple[float, float]
    height: tuple[float, float]
    gap: tuple[float, float]
    gap_share: float
    pitched: float
    tree_gap: tuple[float, float]
    tree_share: float
    hedge_share: float
    lamp_gap: float


CITY = Surroundings(
    setback=(0.0, 1.0),
    length=(9.0, 24.0),
    height=(7.0, 22.0),
    gap=(2.0, 9.0),
    gap_share=0.2,
    pitched=0.1,
    tree_gap=(7.0, 16.0),
    tree_share=0.4,
    hedge_share=0.1,
    lamp_gap=20.0,
)
SUBURB = Surroundings(
    setback=(2.5, 8.0),
    length=(8.0, 14.0),
    height=(3.5, 7.0),
    gap=(3.0, 10.0),
    gap_share=0.9,
    pitched=0.8,
    tree_gap=(6.0, 14.0),
    tree_share=0.6,
    hedge_share=0.5,
    lamp_gap=26.0,
)
COUNTRY = Surroundings(
    setback=(6.0, 14.0),
    length=(9.0, 18.0),
    height=(3.5, 7.5),
    gap=(12.0, 40.0),
    gap_share=1.0,
    pitched=0.8,
    tree_gap=(5.0, 16.0),
    tree_share=0.75,
    hedge_share=0.35,
    lamp_gap=34.0,
)


def build(rng: Generator, road: Road, style: Surroundings) -> tuple[list[Thing], tuple[Row, Row]]:
    """All standing things of a street, and the heights of its two rows of houses."""
    things: list[Thing] = []
    rows = []
    for side in (-1, 1):
        houses, row = _houses(rng, road, style, side)
        things += houses + _trees(rng, road, style, side) + _posts(rng, road, style, side)
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
        if not _is_street(road, along - 1.5, along + length + 1.5):
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


def _trees(rng: Generator, road: Road, style: Surroundings, side: int) -> list[Thing]:
    found: list[Thing] = []
    in_row = rng.random() < 0.6 and road.walk > 1.6
    along = rng.uniform(3, 12)
    share = style.tree_share * rng.uniform(0.2, 1.4)
    leaves = palette.foliage(rng)
    while along < 75:
        beyond = 0.6 if in_row else road.walk + rng.uniform(0.4, 5.0)
        if rng.random() < share and not _is_street(road, along - 1, along + 1):
            found.append(_tree(rng, road, along, side * (road.half_width + beyond), leaves))
        along += rng.uniform(*style.tree_gap)
    if rng.random() < style.hedge_share:
        start, length = rng.uniform(2, 20), rng.uniform(8, 25)
        if not _is_street(road, start, start + length):
            offset = side * (road.half_width + road.walk + 0.8)
            found.append(_hedge(rng, road, start + length / 2, offset, length))
    return found


def _tree(rng: Generator, road: Road, along: float, offset: float, leaves: Colour) -> Thing:
    x, y, yaw = road.place(along, offset)
    trunk, spread = rng.uniform(1.6, 3.4), rng.uniform(1.1, 2.6)
    bark = palette.tinted(rng, (0.05, 0.12), 0.5, (0.05, 0.25))
    parts = [
        Part(
            solid=Column(radius=rng.uniform(0.1, 0.24), top=trunk + 0.4),
            material=Material.METAL,
            colour=bark,
        )
    ]
    shade = rng.uniform(0.75, 1.25)
    for _ in range(2 if along > 30 else 3):
        tall = spread * rng.uniform(0.7, 1.4)
        crown = Ellipsoid(
            centre=(
                rng.uniform(-0.5, 0.5) * spread,
                rng.uniform(-0.5, 0.5) * spread,
                trunk + tall * rng.uniform(0.5, 1.0),
            ),
            radii=(spread * rng.uniform(0.6, 1), spread * rng.uniform(0.6, 1), tall),
            ragged=rng.uniform(0.25, 0.7),
            pattern=int(rng.integers(1 << 14)),
        )
        parts.append(
            Part(solid=crown, material=Material.LEAVES, colour=palette.scaled(leaves, shade))
        )
    height = trunk + 2 * spread
    return Thing(
        kind="vegetation",
        x=x,
        y=y,
        yaw=yaw,
        size=(2 * spread, 2 * spread, height),
        parts=tuple(parts),
        pattern=int(rng.integers(1 << 14)),
        shadows=(
            Shadow(x=0.0, y=0.0, radius=0.25, low=0.0, high=trunk),
            Shadow(x=0.0, y=0.0, radius=spread * 0.9, low=trunk + spread * 0.5, high=height - 1),
        ),
    )


def _hedge(rng: Generator, road: Road, along: float, offset: float, length: float) -> Thing:
    x, y, yaw = road.place(along, offset)
    height, half = rng.uniform(0.7, 2.0), rng.uniform(0.3, 0.6)
    solid = Box(low=(-length / 2, -half, 0.0), high=(length / 2, half, height))
    return Thing(
        kind="vegetation",
        x=x,
        y=y,
        yaw=yaw,
        size=(length, 2 * half, height),
        parts=(Part(solid=solid, material=Material.LEAVES, colour=palette.foliage(rng)),),
        pattern=int(rng.integers(1 << 14)),
    )


def _posts(rng: Generator, road: Road, style: Surroundings, side: int) -> list[Thing]:
    """Lamps in a row, signs and bollards in between."""
    found: list[Thing] = []
    along = rng.uniform(4, style.lamp_gap)
    steel = palette.grey(rng, 0.05, 0.5)
    edge = road.half_width + rng.uniform(0.3, 0.6)
    while along < 80:
        if not _is_street(road, along, along):
            found.append(_lamp(rng, road, along, side * edge, steel))
        along += style.lamp_gap * rng.uniform(0.8, 1.2)
    for _ in range(int(rng.integers(1, 5))):
        along = 5 + 35 * rng.random() ** 1.5
        if not _is_street(road, along, along):
            found.append(_sign(rng, road, along, side * (edge + rng.uniform(0, 0.6))))
    return found


def _lamp(rng: Generator, road: Road, along: float, offset: float, steel: Colour) -> Thing:
    x, y, yaw = road.place(along, offset)
    height, radius = rng.uniform(5, 8), rng.uniform(0.07, 0.13)
    arm = rng.uniform(0.8, 2.0)
    toward = -1 if offset > 0 else 1
    y0, y1 = sorted((0.0, toward * arm))
    head = Box(low=(-0.12, y0, height - 0.12), high=(0.12, y1, height + 0.06))
    return Thing(
        kind="pole",
        x=x,
        y=y,
        yaw=yaw,
        size=(2 * radius, 2 * radius, height),
        parts=(
            Part(solid=Column(radius=radius, top=height), material=Material.METAL, colour=steel),
            Part(solid=head, material=Material.BOARD, colour=steel, accent=steel),
        ),
        pattern=int(rng.integers(1 << 14)),
        shadows=(Shadow(x=0.0, y=0.0, radius=radius, low=0.0, high=height),),
    )


def _sign(rng: Generator, road: Road, along: float, offset: float) -> Thing:
    x, y, yaw = road.place(along, offset)
    height, half = rng.uniform(2.0, 3.2), rng.uniform(0.25, 0.5)
    tall = half * rng.uniform(1.0, 2.6)
    steel = palette.grey(rng, 0.1, 0.5)
    board = Box(low=(-0.04, -half, height - tall), high=(0.04, half, height))
    face = palette.tinted(rng, (0.0, 1.0), 0.9, (0.2, 0.8))
    return Thing(
        kind="pole",
        x=x,
        y=y,
        yaw=yaw + rng.uniform(-0.4, 0.4),
        size=(0.1, 2 * half, height),
        parts=(
            Part(solid=Column(radius=0.05, top=height), material=Material.METAL, colour=steel),
            Part(
                solid=board,
                material=Material.BOARD,
                colour=face,
                accent=palette.grey(rng, 0.3, 0.85),
                detail=(half, height - tall / 2),
            ),
        ),
        pattern=int(rng.integers(1 << 14)),
        shadows=(Shadow(x=0.0, y=0.0, radius=0.1, low=0.0, high=height),),
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


def _is_street(road: Road, start: float, end: float) -> bool:
    street = road.side_street
    return street is not None and start < street[1] + 0.5 and end > street[0] - 0.5
