"""Images and label images on disk: read, checked, and stamped for the cache."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.source import IGNORE, DataError
from search_spaces.spelling import one_line

#: Formats that are decoded; Pillow knows others, among them EPS, which it gives to Ghostscript.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "PPM", "WEBP")
#: Those of 8K video. A few kB can hold an image of 179 million, where Pillow itself stops.
_MOST_PIXELS = 2**25
#: Of Linux; other systems have shorter ones.
_LONGEST_PATH = 4096
#: Lists of frames, boxes of a frame, calibrations: all that is read as text in one piece.
_MOST_TEXT_BYTES = 16 * 2**20
#: Pillow's modes of one channel whose pixels are label values (P: index into a palette).
_LABEL_MODES = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "F")
#: Modes of more than 8 bits a channel, which Pillow would clip rather than scale.
_DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "F")


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """An 8-bit image as ``(H, W, 3)`` RGB; raises ``DataError`` with the file."""
    image = decoded(open_image(path), path)
    if image.mode in _DEEP_MODES:
        raise DataError(
            f"{path}: the image has mode {image.mode} with more than 8 bits, "
            "convert it to 8-bit RGB or grey"
        )
    return np.asarray(image.convert("RGB"))


def read_previous(
    path: Path | None, image: NDArray[np.uint8], beside: Path
) -> NDArray[np.uint8] | None:
    """The frame before ``image``, which is in the file ``beside`` and must be of the same size;
    None where ``path`` is."""
    if path is None:
        return None
    previous = read_rgb(path)
    check_size(previous.shape, image.shape, path, beside)
    return previous


def read_label(path: Path) -> NDArray[np.generic]:
    """The values of a label image of one channel, ``(H, W)``, in the file's own integer or float
    type; raises ``DataError`` with the file."""
    image = decoded(open_image(path), path)
    if image.mode not in _LABEL_MODES:
        raise DataError(
            f"{path}: the label has mode {image.mode}, give one channel (a grey or palette PNG "
            "whose pixel values are the labels)"
        )
    values = np.asarray(image)
    return values.astype(np.uint8) if values.dtype == np.bool_ else values


def class_values(
    values: NDArray[np.generic], path: Path, classes: tuple[str, ...], ignore: int
) -> NDArray[np.uint8]:
    """A class label ``(H, W)`` as uint8 with ``ignore`` turned into ``IGNORE``.

    Raises ``DataError`` with the file and the value that is neither a class nor ``ignore``.
    """
    if values.dtype.kind not in "ui":
        raise DataError(f"{path}: the label holds {values.dtype} values, give integer classes")
    ignored = np.asarray(values == ignore)
    bad = np.asarray((values < 0) | (values >= len(classes))) & ~ignored  # type: ignore[operator]
    if bad.any():
        raise DataError(
            f"{path}: the label holds the value {values[bad][0]}, allowed are 0 to "
            f"{len(classes) - 1} ({', '.join(classes)}) and {ignore} for no label"
        )
    return np.where(ignored, IGNORE, values).astype(np.uint8)


def check_size(found: tuple[int, ...], wanted: tuple[int, ...], path: Path, beside: Path) -> None:
    """Raise ``DataError`` unless two arrays ``(H, W, …)`` have one height and width."""
    if found[:2] != wanted[:2]:
        raise DataError(
            f"{path}: {found[1]}x{found[0]} pixels, but {beside} has {wanted[1]}x{wanted[0]}; "
            "both must be of one size"
        )


def check_file(path: Path) -> None:
    """Raise ``DataError`` where there is no file; its content is checked when it is read."""
    try:
        if path.is_file():
            return
        what = "is a folder" if path.is_dir() else "does not exist"
    except OSError as error:
        raise DataError(f"{path}: the file cannot be used: {error.strerror}") from error
    raise DataError(f"{path}: the file {what}")


def listed_file(folder: Path, name: str) -> Path:
    """The file that a list in ``folder`` names: inside of the folder, or absolute.

    A relative name cannot climb out of the folder; links in it are followed, for these are made by
    whoever unpacks the files. Raises ``DataError`` also where there is no such file.
    """
    if len(name) > _LONGEST_PATH or not name.isprintable():
        raise DataError(f"{one_line(name)!r} is no path of a file")
    normal = os.path.normpath(name)
    if normal.split(os.sep)[0] == os.pardir:
        raise DataError(
            f"{name}: leads out of {folder}; put the file inside of the folder, or give its "
            "absolute path"
        )
    path = folder / normal
    check_file(path)
    return path


def read_text(path: Path, most_bytes: int = _MOST_TEXT_BYTES) -> str:
    """A UTF-8 text of at most so many bytes; raises ``DataError`` with the file."""
    check_file(path)
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > most_bytes:
        raise DataError(f"{path}: is too long, at most {most_bytes} bytes are read")
    return decoded_text(content, path)


def decoded_text(content: bytes, path: Path) -> str:
    """UTF-8 with or without its mark as text; raises ``DataError`` with the file."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text (byte {error.start})") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file without their ends; raises ``DataError`` with the file."""
    return read_text(path).splitlines()


def stamp_files(paths: Iterable[Path]) -> str:
    """SHA-256 over path, size and time of change (ns) of every file, in order.

    Far cheaper than the files' contents, and changes with every ordinary way of editing one.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            stat = path.stat()
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        digest.update(f"{os.path.abspath(path)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def open_image(
    path: Path, content: bytes | None = None, *, most_pixels: int = _MOST_PIXELS
) -> Image.Image:
    """An image of bounded size, not decoded yet; raises ``DataError`` with the file.

    ``content`` is read in place of what the file holds.
    """
    check_file(path)
    try:
        image = Image.open(path if content is None else io.BytesIO(content), formats=_FORMATS)
    except Exception as error:
        raise _unreadable(path, error) from error
    width, height = image.size
    if width * height > most_pixels:
        raise DataError(
            f"{path}: the image has {width}x{height} pixels, at most {most_pixels} are read"
        )
    return image


def decoded(image: Image.Image, path: Path) -> Image.Image:
    """The same image with its pixels; raises ``DataError`` with the file."""
    try:
        image.load()
    except Exception as error:
        raise _unreadable(path, error) from error
    return image


def _unreadable(path: Path, error: Exception) -> DataError:
    """What decoders raise on broken bytes has no common class."""
    reason = one_line(str(error)) or type(error).__name__
    return DataError(f"{path}: the image cannot be read: {reason}")
