"""Lamps and signs at the kerb."""

from __future__ import annotations

import numpy as np

from nas.data.synthetic import palette
from nas.data.synthetic.solids import Box, Column
from nas.data.synthetic.surroundings import Surroundings
from nas.data.synthetic.world import Colour, Material, Part, Road, Shadow, Thing

Generator = np.random.Generator


def posts(rng: Generator, road: Road, style: Surroundings, side: int) -> list[Thing]:
    """Lamps in a row on one side, signs in between."""
    found: list[Thing] = []
    along = rng.uniform(4, style.lamp_gap)
    steel = palette.grey(rng, 0.05, 0.5)
    edge = road.half_width + rng.uniform(0.3, 0.6)
    while along < 80:
        if not road.opens(along, along):
            found.append(_lamp(rng, road, along, side * edge, steel))
        along += style.lamp_gap * rng.uniform(0.8, 1.2)
    for _ in range(int(rng.integers(1, 5))):
        along = 5 + 35 * rng.random() ** 1.5
        if not road.opens(along, along):
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
