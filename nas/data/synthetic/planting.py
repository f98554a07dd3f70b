"""Trees and hedges beside the road."""

from __future__ import annotations

import numpy as np

from nas.data.synthetic import palette
from nas.data.synthetic.solids import Box, Column, Ellipsoid
from nas.data.synthetic.surroundings import Surroundings
from nas.data.synthetic.world import Colour, Material, Part, Road, Shadow, Thing

Generator = np.random.Generator


def plants(rng: Generator, road: Road, style: Surroundings, side: int) -> list[Thing]:
    """Trees on one side, in a row at the kerb or behind the pavement, and perhaps a hedge."""
    found: list[Thing] = []
    in_row = rng.random() < 0.6 and road.walk > 1.6
    along = rng.uniform(3, 12)
    share = style.tree_share * rng.uniform(0.2, 1.4)
    leaves = palette.foliage(rng)
    while along < 75:
        beyond = 0.6 if in_row else road.walk + rng.uniform(0.4, 5.0)
        if rng.random() < share and not road.opens(along - 1, along + 1):
            found.append(_tree(rng, road, along, side * (road.half_width + beyond), leaves))
        along += rng.uniform(*style.tree_gap)
    if rng.random() < style.hedge_share:
        start, length = rng.uniform(2, 20), rng.uniform(8, 25)
        if not road.opens(start, start + length):
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
