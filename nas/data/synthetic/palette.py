"""Colours that worlds are painted in: the ranges of different classes overlap on purpose."""

from __future__ import annotations

import colorsys

import numpy as np

from nas.data.synthetic.world import Colour

Generator = np.random.Generator


def tinted(
    rng: Generator, hues: tuple[float, float], saturation: float, values: tuple[float, float]
) -> Colour:
    """A colour of a hue range (0 to 1, may pass 1), at most this saturated; linear RGB."""
    hue = rng.uniform(*hues) % 1.0
    value = rng.uniform(*values)
    return colorsys.hsv_to_rgb(hue, rng.uniform(0, saturation), value)


def grey(rng: Generator, low: float, high: float) -> Colour:
    """A grey with a slight cast."""
    return tinted(rng, (0.0, 1.0), 0.18, (low, high))


def paint(rng: Generator) -> Colour:
    """Paint of a vehicle: mostly greys, else any colour."""
    if rng.random() < 0.6:
        return grey(rng, 0.03, 0.75)
    return tinted(rng, (0.0, 1.0), 0.85, (0.06, 0.6))


def wall(rng: Generator) -> Colour:
    """Plaster, stone, brick or painted wood."""
    kind = rng.random()
    if kind < 0.35:
        return grey(rng, 0.12, 0.7)
    if kind < 0.75:
        return tinted(rng, (0.0, 0.14), 0.65, (0.1, 0.65))
    return tinted(rng, (0.0, 1.0), 0.4, (0.12, 0.6))


def foliage(rng: Generator) -> Colour:
    """Leaves from dark green through yellow to autumn red, or bare grey brown."""
    kind = rng.random()
    if kind < 0.65:
        return tinted(rng, (0.19, 0.38), 0.75, (0.08, 0.3))
    if kind < 0.85:
        return tinted(rng, (0.02, 0.16), 0.8, (0.1, 0.4))
    return grey(rng, 0.06, 0.25)


def cloth(rng: Generator) -> Colour:
    """Clothes: anything, dark more often."""
    return tinted(rng, (0.0, 1.0), 0.7, (0.02, 0.2 if rng.random() < 0.5 else 0.7))


def skin(rng: Generator) -> Colour:
    """Skin, hair or a hat."""
    return tinted(rng, (0.03, 0.1), 0.6, (0.05, 0.6))


def scaled(colour: Colour, factor: float) -> Colour:
    """A colour made darker or lighter."""
    red, green, blue = colour
    return red * factor, green * factor, blue * factor
