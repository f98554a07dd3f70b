"""Dirt on the lens: what blobs and films of it do to a picture, and where they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic import palette
from nas.data.synthetic.noise import FRACTAL
from nas.data.synthetic.painting import column
from nas.data.synthetic.world import Colour, Light
from nas.resolution import Resolution
from search_spaces.default_tasks import SOILING_CLASSES

Array = NDArray[np.float32]
Generator = np.random.Generator
#: What a pixel or a frame is; the label is the index.
SOILING = SOILING_CLASSES
#: Dirt that takes less of the light than the first is not told from a clean lens; that which takes
#: more than the second hides what is behind it.
SEMI_FROM, OPAQUE_FROM = 0.2, 0.9
#: A frame has the worst class that covers this share of it: a speck is no reason for an alarm.
LEAST_COVER = 0.02
_FILM_SHARE, _MUD_SHARE = 0.15, 0.15  # of all frames; the rest is clean
_FILM_BESIDE_MUD = 0.4  # share of the lenses with mud that have a film, too
_MUD_COVER, _FILM_COVER = (0.04, 0.14), (0.1, 0.35)  # shares of the frame
_GRAIN = 96  # grains of dirt along a frame's width
_RAGGED = 4  # waves around a blob's outline
_BLUR = 0.012  # reach of the blur behind a film, in frame widths
#: Where cover is measured, so that it does not depend on a picture's resolution.
_GRID = Resolution(128, 64)
_CELLS = _GRID.width * _GRID.height


@dataclass(frozen=True, kw_only=True)
class Blob:
    """One spot, in frame widths: its middle, its radius and how far its rim fades.

    ``waves`` are height and phase of the waves of its outline, once, twice, … around it.
    ``density`` is the share of light that it takes in the middle, ``grain`` how much this varies.
    """

    x: float
    y: float
    radius: float
    rim: float
    waves: tuple[tuple[float, float], ...]
    density: float
    grain: float


@dataclass(frozen=True, kw_only=True)
class Dirt:
    """All that is on a lens; ``colour`` is the share of the light around that it throws back."""

    blobs: tuple[Blob, ...]
    colour: Colour
    pattern: int

    def density(self, resolution: Resolution) -> Array:
        """Share of light ``(H, W)`` that is taken at each pixel, 0 to 1."""
        (x, y), grain = _places(resolution), self.grain(resolution)
        density = np.zeros(grain.shape, np.float32)
        for blob in self.blobs:
            np.maximum(density, _taken(blob, x, y, grain), out=density)
        return density

    def grain(self, resolution: Resolution) -> Array:
        """How the dirt varies, ``(H, W)``: zero mean, unit deviation."""
        x, y = np.broadcast_arrays(*_places(resolution))
        return FRACTAL.coarse(x * _GRAIN, y * _GRAIN, self.pattern)


def draw_dirt(rng: Generator) -> Dirt | None:
    """The dirt on a lens: none on most, a film of dust or water, or mud."""
    kind = rng.random()
    if kind >= _FILM_SHARE + _MUD_SHARE:
        return None
    muddy = kind < _MUD_SHARE
    blobs: list[Blob] = []
    if muddy:
        blobs += _mud(rng, rng.uniform(*_MUD_COVER))
    if not muddy or rng.random() < _FILM_BESIDE_MUD:
        blobs += _film(rng, rng.uniform(*_FILM_COVER))
    tone = (0.02, 0.1) if muddy else (0.15, 0.45)
    return Dirt(
        blobs=tuple(blobs),
        colour=palette.tinted(rng, (0.05, 0.13), 0.7 if muddy else 0.3, tone),
        pattern=int(rng.integers(1 << 14)),
    )


def classified(density: Array) -> NDArray[np.uint8]:
    """Index into `SOILING` of each pixel."""
    return (density >= SEMI_FROM).astype(np.uint8) + (density >= OPAQUE_FROM)


def frame_class(dirt: Dirt | None) -> int:
    """The worst class that covers `LEAST_COVER` of the frame, at any resolution the same."""
    if dirt is None:
        return 0
    cover = np.bincount(classified(dirt.density(_GRID)).ravel(), minlength=3) / _CELLS
    return 2 if cover[2] >= LEAST_COVER else int(cover[1] + cover[2] >= LEAST_COVER)


def _places(resolution: Resolution) -> tuple[Array, Array]:
    """x ``(W,)`` and y ``(H, 1)`` of the pixels' middles in frame widths, for a frame twice as wide
    as high.
    """
    x = ((np.arange(resolution.width) + 0.5) / resolution.width).astype(np.float32)
    y = ((np.arange(resolution.height) + 0.5) / (2 * resolution.height)).astype(np.float32)
    return x, y[:, None]


def soiled(picture: Array, density: Array, dirt: Dirt, light: Light) -> Array:
    """A picture ``(3, H, W)`` of linear light, seen through the dirt.

    Dirt is too near to be in focus: it blurs what shines through it and adds the light of sky and
    sun that it scatters itself.
    """
    reach = max(1, round(_BLUR * picture.shape[2]))
    blurred = _blurred(_blurred(picture, reach, 1), reach, 2)
    behind = picture + (blurred - picture) * np.minimum(density * 2, 1)
    lit = column(light.ambient) + column(light.sun) * np.float32(0.3)
    grain = dirt.grain(Resolution(picture.shape[2], picture.shape[1]))
    own = (column(dirt.colour) * lit)[:, None] * np.maximum(1 + np.float32(0.12) * grain, 0.3)
    seen: Array = behind + (own - behind) * density
    return seen


def _mud(rng: Generator, cover: float) -> list[Blob]:
    """Splashes: opaque blobs, each with drops around it."""
    blobs: list[Blob] = []
    for area in _parts(rng, cover, int(rng.integers(1, 4))):
        radius = _radius(area)
        x, y = rng.uniform(0.05, 0.95), rng.uniform(0.03, 0.47)
        blobs.append(_blob(rng, (x, y), radius, rim=0.35, density=1.0, grain=0.0))
        for _ in range(int(rng.integers(2, 7))):
            angle, away = rng.uniform(0, 2 * math.pi), radius * rng.uniform(1.1, 2.2)
            place = x + away * math.cos(angle), y + away * math.sin(angle)
            small = radius * rng.uniform(0.08, 0.25)
            blobs.append(_blob(rng, place, small, rim=0.4, density=1.0, grain=0.0))
    return blobs


def _film(rng: Generator, cover: float) -> list[Blob]:
    """Dried drops or dust: wide, soft, half transparent."""
    return [
        _blob(
            rng,
            (rng.uniform(0.05, 0.95), rng.uniform(0.03, 0.47)),
            _radius(area),
            rim=rng.uniform(0.3, 0.7),
            density=rng.uniform(0.3, 0.55),
            grain=rng.uniform(0.0, 0.12),
        )
        for area in _parts(rng, cover, int(rng.integers(1, 5)))
    ]


def _parts(rng: Generator, total: float, number: int) -> list[float]:
    """A total in so many unequal parts."""
    shares = rng.dirichlet([2.0] * number)
    return [total * float(share) for share in shares]


def _radius(cover: float) -> float:
    """Of a circle that covers this share of a frame twice as wide as high, in frame widths."""
    return math.sqrt(cover / 2 / math.pi)


def _blob(
    rng: Generator,
    place: tuple[float, float],
    radius: float,
    *,
    rim: float,
    density: float,
    grain: float,
) -> Blob:
    return Blob(
        x=place[0],
        y=place[1],
        radius=radius,
        rim=rim,
        waves=tuple(
            (float(rng.normal(0.0, 0.16 / wave)), float(rng.uniform(0.0, 2 * math.pi)))
            for wave in range(1, _RAGGED + 1)
        ),
        density=density,
        grain=grain,
    )


def _taken(blob: Blob, x: Array, y: Array, grain: Array) -> Array:
    """Share of light ``(H, W)`` that one blob takes."""
    right, down = x - np.float32(blob.x), y - np.float32(blob.y)
    angle = np.arctan2(down, right)
    outline = np.ones(angle.shape, np.float32)
    for wave, (high, phase) in enumerate(blob.waves, start=1):
        outline += np.float32(high) * np.cos(wave * angle + np.float32(phase))
    away = np.sqrt(right * right + down * down) / (blob.radius * np.maximum(outline, 0.3))
    depth = np.clip((1 + blob.rim / 2 - away) / blob.rim, 0, 1)
    density = np.clip(blob.density + blob.grain * grain, 0, 1)
    taken: Array = (depth * depth * (3 - 2 * depth) * density).astype(np.float32)
    return taken


def _blurred(picture: Array, reach: int, axis: int) -> Array:
    """The mean over ``2 reach + 1`` neighbours along an axis; edges repeat."""
    padding = [(0, 0)] * 3
    padding[axis] = (reach + 1, reach)
    total = np.cumsum(np.pad(picture, padding, mode="edge"), axis=axis, dtype=np.float64)
    span, size = 2 * reach + 1, picture.shape[axis]
    low, high = np.arange(size), np.arange(size) + span
    means = (total.take(high, axis) - total.take(low, axis)) / span
    blurred: Array = means.astype(np.float32)
    return blurred
