"""Weather and time of day: sun, sky, how far one sees, and how the camera exposes for it."""

from __future__ import annotations

import math

import numpy as np

from nas.data.synthetic import palette
from nas.data.synthetic.world import WEATHERS, Colour, Light

Generator = np.random.Generator
_SHARES = (0.45, 0.35, 0.2)  # of `WEATHERS`
_VISIBILITY = {"clear": (80.0, 900.0), "overcast": (80.0, 900.0), "fog": (20.0, 50.0)}  # metres
#: Contrast with the air at which a thing is lost from sight; with this share meteorology
#: (Koschmieder 1924) defines visibility.
_LEAST_CONTRAST = 0.05


def light(rng: Generator) -> Light:
    """Clear, overcast or fog; from noon to dusk."""
    azimuth, elevation = rng.uniform(-math.pi, math.pi), rng.uniform(0.25, 1.2)
    weather = WEATHERS[int(rng.choice(len(WEATHERS), p=_SHARES))]
    clear = weather == "clear"
    warmth = max(0.0, 0.7 - elevation) * rng.uniform(0.3, 1.0)
    strength = rng.uniform(0.8, 2.2) if clear else 0.0
    sky = rng.uniform(0.25, 0.6) if clear else rng.uniform(0.5, 1.0)
    horizontal = math.cos(elevation)
    exposure = math.exp(rng.normal(0.0, 0.25)) * 1.35 / (0.5 * strength + sky + 0.25)
    cast = rng.normal(1.0, 0.07, 3)
    zenith, horizon = _sky(rng, clear, warmth, sky)
    nearest, farthest = _VISIBILITY[weather]
    return Light(
        weather=weather,
        sun_direction=(
            horizontal * math.cos(azimuth),
            horizontal * math.sin(azimuth),
            math.sin(elevation),
        ),
        sun=(strength, strength * (1 - 0.35 * warmth), strength * (1 - 0.8 * warmth)),
        ambient=(sky * (1 - 0.1 * clear), sky, sky * (1 + 0.15 * clear)),
        zenith=zenith,
        horizon=horizon,
        cloud=rng.uniform(0.0, 0.6),
        visibility=math.exp(rng.uniform(math.log(nearest), math.log(farthest))),
        exposure=(exposure * float(cast[0]), exposure * float(cast[1]), exposure * float(cast[2])),
        exposure_before=math.exp(rng.normal(0.0, 0.006)),
        noise=rng.uniform(0.7, 3.5),
        vignette=rng.uniform(0.0, 0.35),
    )


def sight(light: Light) -> float:
    """How far things can be made out, in metres: beyond, the air leaves 5 % of their contrast."""
    return -light.visibility * math.log(_LEAST_CONTRAST)


def _sky(rng: Generator, clear: bool, warmth: float, light: float) -> tuple[Colour, Colour]:
    """Colours of the sky overhead and at the horizon."""
    bright = light * rng.uniform(0.6, 1.3)
    if not clear:
        top = palette.scaled(palette.grey(rng, 0.8, 1.0), bright)
        return top, palette.scaled(top, rng.uniform(0.7, 1.2))
    top = palette.scaled(palette.tinted(rng, (0.55, 0.64), 0.75, (0.8, 1.0)), bright)
    low = (bright * (1.1 + 0.5 * warmth), bright * (1.1 - 0.2 * warmth), bright * (1.1 - warmth))
    return top, low
