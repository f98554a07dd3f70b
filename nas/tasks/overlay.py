"""Drawing over frames: strips with a title, translucent colours, lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nas.tasks.task import Picture

Colour = tuple[int, int, int]
Point = tuple[float, float]

_STRIP = 13  # pixels; Pillow's own font is 11 high
_BRIGHT = 140


def titled(image: Picture, text: str, colour: Colour) -> Picture:
    """The frame with a text in a strip of a colour at its top."""
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    pen.rectangle((0, 0, canvas.width - 1, _STRIP - 1), colour)
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    ink = (0, 0, 0) if luminance > _BRIGHT else (255, 255, 255)
    pen.text((2, 1), text, ink, ImageFont.load_default())
    return np.asarray(canvas)


def tinted(image: Picture, colours: NDArray[np.uint8], strength: NDArray[np.float64]) -> Picture:
    """The frame with colours ``(H, W, 3)`` laid over it; strengths ``(H, W)``, 1 hides it."""
    share = strength[..., None]
    mixed = image.astype(np.float64) * (1 - share) + colours.astype(np.float64) * share
    return np.rint(mixed).astype(np.uint8)


def lined(image: Picture, lines: Sequence[tuple[Point, Point]], colour: Colour) -> Picture:
    """The frame with lines between points (x, y) in pixels; outside the frame they are cut off.

    One pixel in 100 wide, with a dark edge so that they show on any frame.
    """
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    width = max(1, canvas.height // 100)
    for ink, extra in (((0, 0, 0), 2), (colour, 0)):
        for start, end in lines:
            places = [round(value, 2) for value in (*start, *end)]
            pen.line(places, ink, width + extra)
    return np.asarray(canvas)
