"""XML from elsewhere, read without entities, external files or unbounded size."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from nas.data.image_files import check_file
from nas.data.source import DataError

#: The largest of KITTI's tracklet files has about 10 MB.
_MOST_BYTES = 64 * 2**20
#: A file of 10 MB has half a million; each takes thirty times the four bytes that it has at least.
_MOST_ELEMENTS = 1_000_000


def read_xml(path: Path, root: str) -> Element:
    """The root element of a file, which must have the tag ``root``.

    A bare ``<!DOCTYPE name>`` is allowed, for all of KITTI's files have one; one that defines or
    names anything, and every entity, is refused, since entities can blow up a small file or read
    others. Raises ``DataError`` with the file.
    """
    check_file(path)
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise DataError(f"{path}: {size} bytes, at most {_MOST_BYTES} bytes of XML are read")
    try:
        element = _parse(path)
    except (OSError, expat.ExpatError) as error:
        raise DataError(
            f"{path}: cannot be read as XML: {error}; the file is damaged, take it from the "
            "download again"
        ) from error
    if element.tag != root:
        raise DataError(f"{path}: the root element is <{element.tag}>, must be <{root}>")
    return element


def _parse(path: Path) -> Element:
    def refuse(what: str) -> None:
        raise DataError(f"{path}: {what}, which is never read; remove it from the file")

    def on_doctype(_name: str, system: str | None, public: str | None, subset: int) -> None:
        if system or public or subset:
            refuse("the DOCTYPE defines entities or names another file")

    builder, places = TreeBuilder(), iter(range(_MOST_ELEMENTS))

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        if next(places, None) is None:
            refuse(f"there are more than {_MOST_ELEMENTS} elements")
        builder.start(tag, attributes)

    parser = expat.ParserCreate("utf-8")  # whatever else the file says: Python may not know that
    parser.StartDoctypeDeclHandler = on_doctype
    parser.EntityDeclHandler = lambda *_: refuse("the file defines an entity")
    parser.StartElementHandler = on_start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(path.read_bytes(), True)
    return builder.close()
