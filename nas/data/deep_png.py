"""PNG images of three channels with 16 bits each, which Pillow opens with 8 bits each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.image_files import check_file
from nas.data.source import DataError

#: Pillow's names for the two readings of such a file: the high bytes (its own), the low bytes.
_HIGH_BYTES = "RGB;16B"
_LOW_BYTES = "RGB;16L"


def read_deep_png(path: Path) -> NDArray[np.uint16]:
    """The values ``(H, W, 3)`` of a PNG of three 16-bit channels, ``(H, W, 1)`` of one channel.

    Pillow keeps the high byte of three-channel files alone. PNG stores the high byte first, so
    reading the same data as if the low byte came first gives the low bytes; both passes are
    Pillow's own decoder. Raises ``DataError`` with the file where it holds fewer bits.
    """
    image = _open(path)
    if image.mode.startswith("I;16"):
        return np.asarray(_load(image, path)).astype(np.uint16)[..., np.newaxis]
    tiles = getattr(image, "tile", [])
    if image.format != "PNG" or [tile[3] for tile in tiles] != [_HIGH_BYTES]:
        raise DataError(
            f"{path}: the image has mode {image.mode} with 8 bits a channel, give the PNG as it "
            "was handed out, with 16 bits"
        )
    high = np.asarray(_load(image, path)).astype(np.uint16)
    other = _open(path)
    # Each tile is codec, extents, offset and raw mode, as Pillow's plugin documentation lays down.
    other.tile = [(*tile[:3], _LOW_BYTES) for tile in tiles]  # type: ignore[attr-defined]
    low = np.asarray(_load(other, path)).astype(np.uint16)
    return np.asarray(high * 256 + low, np.uint16)


def _open(path: Path) -> Image.Image:
    check_file(path)
    try:
        return Image.open(path)
    except Exception as error:  # what decoders raise on broken bytes has no common class
        raise _unreadable(path, error) from error


def _load(image: Image.Image, path: Path) -> Image.Image:
    try:
        image.load()
    except Exception as error:
        raise _unreadable(path, error) from error
    return image


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{path}: the image cannot be read: {reason}")
