"""From light along rays to the pixels of a camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic.painting import column
from nas.data.synthetic.world import Light

Array = NDArray[np.float32]


def filtered(radiance: Array) -> Array:
    """Pixels ``(3, H, W)`` from rays half a pixel apart: a tent as wide as two pixels."""
    half = np.float32(0.5)
    rows = radiance[:, 1:-1:2] + (radiance[:, :-2:2] + radiance[:, 2::2]) * half
    both = rows[..., 1:-1:2] + (rows[..., :-2:2] + rows[..., 2::2]) * half
    return both * np.float32(0.25)


def expose(
    light: Light, radiance: Array, factor: float, noise: np.random.Generator
) -> NDArray[np.uint8]:
    """Vignette, exposure times a factor, square-root response, noise: ``(H, W, 3)``, uint8.

    Under a square-root response photon noise is the same at every brightness.
    """
    height, width = radiance.shape[1:]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2 * (height / width) ** 2
    across = np.linspace(-1, 1, width, dtype=np.float32) ** 2
    falloff = 1 - np.float32(light.vignette) * (down + across)
    exposed = radiance * (column(light.exposure) * np.float32(factor))[:, None]
    pixels = np.sqrt(np.maximum(exposed * falloff, 0)) * np.float32(255)
    grain = noise.standard_normal(pixels.shape, dtype=np.float32)
    pixels += grain * np.float32(light.noise)
    return np.ascontiguousarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0))
