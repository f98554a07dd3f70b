"""One picture of a data set's frames and labels that a person can check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nas.data.fitting import FittedFrame, fit_frame
from nas.data.source import DataError, DataSource, Split
from nas.resolution import Resolution
from nas.tasks.depth import FARTHEST_M, NEAREST_M, Depth
from nas.tasks.task import Picture, Task

_BACKGROUND = (24, 24, 28)
_TEXT = (230, 230, 230)
_MARGIN = 12
_LINE = 18
_SWATCH = 12
_TILE_WIDTH = 384
_METRE_TICKS = (1, 2, 5, 10, 20, 40, 80)


@dataclass(frozen=True, kw_only=True)
class _Row:
    title: str
    tiles: tuple[Picture, ...]


def preview(
    source: DataSource,
    tasks: Mapping[str, Task],
    resolution: Resolution,
    split: Split = "train",
    count: int = 4,
) -> Image.Image:
    """A grid of ``count`` frames spread evenly over a split: image, previous image, every label.

    Frames and labels are shown as training sees them, at ``resolution``; below each column stand
    the colours of its classes, or the scale in metres. An unlabelled tile is black. Raises
    ``DataError`` for a split without frames and for broken data.
    """
    length = source.length(split)
    if length == 0 or count < 1:
        raise DataError(
            f"{source.name}: {count} frames of split {split}, which has {length}, cannot be shown"
        )
    shown = {spec.name: tasks[spec.name] for spec in source.tasks if spec.name in tasks}
    indices = np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int))
    rows = [_row(source, shown, resolution, split, int(index)) for index in indices]
    columns = ["image", *(["previous"] if source.has_previous else []), *shown]
    title = (
        f"{source.name} · {split}, {length} frames · {resolution}"
        f"{'' if source.has_previous else ' · no previous frames'}"
    )
    return _Sheet(rows, columns, shown).draw(title)


def _row(
    source: DataSource, tasks: Mapping[str, Task], resolution: Resolution, split: Split, index: int
) -> _Row:
    streams = 2 if source.has_previous else 1
    where = f"{source.name}, split {split}, frame {index}"
    frame = source.frame(split, index, resolution)
    fitted = fit_frame(frame, tasks, resolution, streams=streams, where=where)
    images = [np.ascontiguousarray(image.transpose(1, 2, 0)) for image in fitted.streams]
    labels = [_label_picture(fitted, task, images[0]) for task in tasks.values()]
    return _Row(title=f"frame {index}", tiles=(*images, *labels))


def _label_picture(fitted: FittedFrame, task: Task, image: Picture) -> Picture:
    label = fitted.labels.get(task.spec.name)
    return np.zeros_like(image) if label is None else task.picture_of_label(label, image)


class _Sheet:
    """Lays tiles, titles and legends out on one image."""

    def __init__(
        self, rows: Sequence[_Row], columns: Sequence[str], tasks: Mapping[str, Task]
    ) -> None:
        self._rows = rows
        self._columns = columns
        self._tasks = tasks
        height, width, _ = rows[0].tiles[0].shape
        scale = max(1, round(_TILE_WIDTH / width))
        self._tile = (width * scale, height * scale)
        self._step = (self._tile[0] + _MARGIN, self._tile[1] + _MARGIN + _LINE)
        self._font = ImageFont.load_default()

    def draw(self, title: str) -> Image.Image:
        """The whole sheet."""
        top = _MARGIN + 2 * _LINE
        bottom = top + len(self._rows) * self._step[1]
        size = (_MARGIN + len(self._columns) * self._step[0], bottom + self._legend_height())
        sheet = Image.new("RGB", size, _BACKGROUND)
        pen = ImageDraw.Draw(sheet)
        pen.text((_MARGIN, _MARGIN), title, _TEXT, self._font)
        for column, name in enumerate(self._columns):
            x = _MARGIN + column * self._step[0]
            pen.text((x, _MARGIN + _LINE), name, _TEXT, self._font)
            if name in self._tasks:
                self._draw_legend(sheet, pen, self._tasks[name], x, bottom)
        for number, row in enumerate(self._rows):
            self._draw_row(sheet, pen, row, top + number * self._step[1])
        return sheet

    def _draw_row(self, sheet: Image.Image, pen: ImageDraw.ImageDraw, row: _Row, y: int) -> None:
        for column, tile in enumerate(row.tiles):
            x = _MARGIN + column * self._step[0]
            enlarged = Image.fromarray(tile).resize(self._tile, Image.Resampling.NEAREST)
            sheet.paste(enlarged, (x, y))
        pen.text((_MARGIN, y + self._tile[1] + 2), row.title, _TEXT, self._font)

    def _legend_height(self) -> int:
        longest = max((len(_class_entries(task)) for task in self._tasks.values()), default=0)
        return _MARGIN + _LINE * max(longest, 3)

    def _draw_legend(
        self, sheet: Image.Image, pen: ImageDraw.ImageDraw, task: Task, x: int, y: int
    ) -> None:
        if isinstance(task, Depth):
            self._draw_metres(sheet, pen, task, x, y)
        for colour, name in _class_entries(task):
            pen.rectangle((x, y + 2, x + _SWATCH, y + 2 + _SWATCH), colour, _TEXT)
            pen.text((x + _SWATCH + 6, y + 1), name, _TEXT, self._font)
            y += _LINE

    def _draw_metres(
        self, sheet: Image.Image, pen: ImageDraw.ImageDraw, task: Depth, x: int, y: int
    ) -> None:
        width = self._tile[0] - _MARGIN
        metres = np.geomspace(NEAREST_M, FARTHEST_M, width, dtype=np.float32)
        values = np.tile(metres, (_SWATCH, 1))
        bar = task.picture_of_label(values, np.zeros((*values.shape, 3), np.uint8))
        sheet.paste(Image.fromarray(bar), (x, y))
        for tick in _METRE_TICKS:
            place = np.log(tick / NEAREST_M) / np.log(FARTHEST_M / NEAREST_M)
            text = f"{tick} m" if tick == _METRE_TICKS[-1] else f"{tick}"
            pen.text((x + int(place * (width - 16)), y + _SWATCH + 3), text, _TEXT, self._font)
        pen.text((x, y + 2 * _LINE), "metres; black: no label", _TEXT, self._font)


def _class_entries(task: Task) -> list[tuple[tuple[int, int, int], str]]:
    """Colour and name of every class that a task paints, and of no label."""
    return [((c[0], c[1], c[2]), name) for c, name in task.legend()]
