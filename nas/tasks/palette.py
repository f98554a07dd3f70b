"""Colours of classes in pictures: the customary ones of driving scenes, distinct ones otherwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nas.data.source import IGNORE

Colour = tuple[int, int, int]

#: Cityscapes' colours, brightened where they are too dark beside black, and CamVid's names.
_CUSTOMARY: dict[str, Colour] = {
    "background": (70, 70, 70),
    "static": (70, 70, 70),
    "moving": (230, 30, 40),
    "sky": (70, 130, 180),
    "building": (150, 90, 60),
    "pole": (190, 190, 190),
    "road": (128, 64, 128),
    "lane_marking": (255, 255, 255),
    "pavement": (244, 35, 232),
    "sidewalk": (244, 35, 232),
    "tree": (80, 150, 35),
    "vegetation": (80, 150, 35),
    "terrain": (152, 251, 152),
    "sign": (220, 220, 0),
    "fence": (190, 153, 153),
    "car": (40, 70, 220),
    "vehicle": (40, 70, 220),
    "pedestrian": (220, 20, 60),
    "person": (220, 20, 60),
    "bicyclist": (255, 150, 30),
}
#: Sasha Trubetskoy's "20 simple, distinct colors", for classes without a customary colour.
_DISTINCT: tuple[Colour, ...] = (
    (60, 180, 75),
    (255, 225, 25),
    (0, 130, 200),
    (245, 130, 48),
    (145, 30, 180),
    (70, 240, 240),
    (240, 50, 230),
    (210, 245, 60),
    (250, 190, 212),
    (0, 128, 128),
    (220, 190, 255),
    (170, 110, 40),
    (255, 250, 200),
    (128, 0, 0),
    (170, 255, 195),
    (128, 128, 0),
    (255, 215, 180),
    (0, 0, 128),
    (128, 128, 128),
    (230, 25, 75),
)


def class_colours(classes: tuple[str, ...]) -> NDArray[np.uint8]:
    """Colour of every label value, ``(256, 3)`` RGB: one a class, black where ignored."""
    table = np.zeros((IGNORE + 1, 3), np.uint8)
    taken: set[Colour] = set()
    for index, name in enumerate(classes):
        colour = _CUSTOMARY.get(name)
        if colour is None or colour in taken:
            colour = _free_colour(taken, index)
        taken.add(colour)
        table[index] = colour
    return table


def _free_colour(taken: set[Colour], index: int) -> Colour:
    """A distinct colour that no earlier class has; past them all, one spread over the cube."""
    for colour in _DISTINCT:
        if colour not in taken:
            return colour
    red, green, blue = (60 + (index * step) % 196 for step in (67, 113, 157))
    return red, green, blue
