"""Band-limited noise that is anchored to coordinates: the same place always looks the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Places = NDArray[np.int32]
#: Moves the table: one integer, or one a place.
Pattern = int | NDArray[np.int32]
_BITS = 7
_SIDE = 1 << _BITS
_MASK = _SIDE - 1
_LEVELS = 7
#: Keeps all places positive, so that rounding down is a plain conversion.
_SHIFT = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Noise:
    """A periodic table of noise, once for each degree of blur: level n is blurred by 2ⁿ texels.

    Values have zero mean and, at level 0, unit standard deviation.
    """

    table: Array  # flat (_LEVELS, _SIDE, _SIDE)

    def at(self, u: Array, v: Array, footprint: Array, texel: float, pattern: Pattern = 0) -> Array:
        """Noise at coordinates in metres, without what is finer than a pixel's footprint there.

        ``texel`` is the size of the finest grain in metres, ``pattern`` an integer (or an array
        of integers) that moves the table, so that things do not share one pattern.
        """
        grain = np.float32(1 / texel)
        with np.errstate(divide="ignore"):
            level = np.log2(footprint * grain)
        level = np.clip(level, 0, _LEVELS - 1).astype(np.int32)
        place = (level << (2 * _BITS)) + self._place(u * grain, v * grain, pattern)
        values: Array = self.table.take(place)
        return values

    def coarse(self, u: Array, v: Array, pattern: Pattern = 0) -> Array:
        """Noise at coordinates in texels, slightly blurred; one value a place at any distance."""
        values: Array = self.table.take((1 << (2 * _BITS)) + self._place(u, v, pattern))
        return values

    @staticmethod
    def _place(u: Array, v: Array, pattern: Pattern) -> Places:
        moved = np.asarray(pattern, np.int32)
        column = ((u + np.float32(_SHIFT)).astype(np.int32) + moved) & _MASK
        row = ((v + np.float32(_SHIFT)).astype(np.int32) + (moved >> _BITS)) & _MASK
        place: Places = (row << _BITS) | column
        return place


def fraction(values: Array) -> Array:
    """What lies above the next lower integer; ``np.mod`` takes six times as long."""
    return values - np.floor(values)


def hashed(cells: NDArray[np.int32]) -> Array:
    """A number from 0 to 1 for each integer, without visible order."""
    mixed = cells.astype(np.uint32) * np.uint32(0x9E3779B1)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x85EBCA77)
    return (mixed >> np.uint32(8)).astype(np.float32) * np.float32(1 / (1 << 24))


def _blurred(values: Array, reach: int) -> Array:
    """A periodic [1 2 1] blur with this reach, in both directions."""
    for axis in (0, 1):
        sides = np.roll(values, reach, axis) + np.roll(values, -reach, axis)
        values = (values + np.float32(0.5) * sides) * np.float32(0.5)
    return values


def fractal_noise(seed: int) -> Noise:
    """Noise with as much contrast in coarse as in fine grain."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    total = np.zeros((_SIDE, _SIDE), np.float32)
    for octave in range(5):
        grain = generator.standard_normal((_SIDE, _SIDE), dtype=np.float32)
        for reach in range(octave):
            grain = _blurred(grain, 1 << reach)
        total += grain / grain.std()
    levels = [(total - total.mean()) / total.std()]
    for level in range(_LEVELS - 1):
        levels.append(_blurred(levels[-1], 1 << level))
    return Noise(table=np.stack(levels).ravel())


FRACTAL = fractal_noise(20)
