"""PNG images of several channels with 16 bits each, which Pillow opens with 8 bits each."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.image_files import decoded, open_image
from nas.data.source import DataError

#: Pillow's names for the two readings of such files: the high bytes (its own), the low bytes.
_LOW_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
#: Where the header of every PNG holds its bits a channel, its type of colour and its checksum.
_DEPTH_AND_COLOUR, _HEADER, _CHECKSUM = slice(24, 26), slice(12, 29), slice(29, 33)
#: Eight times those of SYNTHIA's frames, the only ones in this form: each takes 16 bytes and more.
_MOST_PIXELS = 2**23
_8_BIT_RGBA = bytes((8, 6))


def read_deep_png(path: Path) -> NDArray[np.uint16]:
    """The values ``(H, W, C)`` of a PNG of one to four channels with 16 bits each.

    Pillow keeps the high bytes alone where there is more than one channel. Of three and four, its
    own decoder is asked once more, as if the low byte came first. Two channels are four bytes a
    pixel, which with another header is an image of four 8-bit channels.

    Raises ``DataError`` with the file where it holds fewer bits.
    """
    image = open_image(path, most_pixels=_MOST_PIXELS)
    if image.mode.startswith("I") and image.format == "PNG":  # "I" up to Pillow 10
        return _values(image, path)[..., np.newaxis]
    tiles = getattr(image, "tile", [])
    raw_mode = str(tiles[0][3]) if image.format == "PNG" and len(tiles) == 1 else ""
    if raw_mode == "LA;16B":
        pairs = _values(_as_8_bit_rgba(path), path)
        return np.asarray(pairs[..., ::2] * 256 + pairs[..., 1::2], np.uint16)
    if raw_mode not in _LOW_BYTES:
        raise DataError(
            f"{path}: the image has mode {image.mode} with 8 bits a channel, give the PNG as it "
            "was handed out, with 16 bits"
        )
    other = open_image(path, most_pixels=_MOST_PIXELS)
    # A tile is codec, extents, offset and raw mode, as Pillow's documentation of plugins lays down.
    other.tile = [(*tiles[0][:3], _LOW_BYTES[raw_mode])]  # type: ignore[attr-defined]
    return np.asarray(_values(image, path) * 256 + _values(other, path), np.uint16)


def _as_8_bit_rgba(path: Path) -> Image.Image:
    data = bytearray(path.read_bytes())
    data[_DEPTH_AND_COLOUR] = _8_BIT_RGBA
    data[_CHECKSUM] = zlib.crc32(data[_HEADER]).to_bytes(4, "big")
    return open_image(path, bytes(data), most_pixels=_MOST_PIXELS)


def _values(image: Image.Image, path: Path) -> NDArray[np.uint16]:
    return np.asarray(decoded(image, path)).astype(np.uint16)
