"""What is in a world: the road, the things beside and on it, the light and the camera's path."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from nas.data.synthetic.camera import EgoMotion
from nas.data.synthetic.solids import Solid
from search_spaces.default_tasks import SCENE_CLASSES, SEGMENTATION_CLASSES, WEATHER_CLASSES

Colour = tuple[float, float, float]

#: Class names of the segmentation; the label is the index.
CLASSES = SEGMENTATION_CLASSES
#: Kinds of surroundings and of weather; the label is the index.
SCENES, WEATHERS = SCENE_CLASSES, WEATHER_CLASSES
#: Nothing moves slower than this, in m/s: what moves can be seen to move.
SLOWEST = 1.5


class Material(IntEnum):
    """How a surface is painted; the ground and the sky first, in the order of `GROUND`."""

    SKY = 0
    ASPHALT = 1
    MARKING = 2
    PAVING = 3
    KERB = 4
    SOIL = 5
    FACADE = 6
    ROOF = 7
    PAINT = 8
    CABIN = 9
    LEAVES = 10
    METAL = 11
    BOARD = 12
    CLOTH = 13


#: Class of each of the surfaces that belong to no thing, by material.
GROUND = {
    Material.SKY: "sky",
    Material.ASPHALT: "road",
    Material.MARKING: "lane_marking",
    Material.PAVING: "pavement",
    Material.KERB: "pavement",
    Material.SOIL: "terrain",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One shape of a thing and how it is painted (linear RGB, 0 to 1).

    ``detail`` belongs to the material: for FACADE the widths of a window's cell and of a storey
    in metres; for PAINT the brightness of the lamps and the height where a band of windows
    begins (0: none); for BOARD its half width and the height of its middle; for CLOTH the
    brightness of the skin.
    """

    solid: Solid
    material: Material
    colour: Colour
    accent: Colour = (0.0, 0.0, 0.0)
    detail: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """What a thing throws on the ground: a ball swept from ``low`` to ``high``, local axes."""

    x: float
    y: float
    radius: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An object at its pose at time 0, moving with constant velocity.

    ``size`` is length, width, height of its box in metres, centred over ``(x, y)`` on the ground
    and turned by ``yaw``; ``course`` the direction of its ``speed`` (m/s, 0 or above `SLOWEST`).
    """

    kind: str
    x: float
    y: float
    yaw: float
    size: tuple[float, float, float]
    parts: tuple[Part, ...]
    pattern: int
    shadows: tuple[Shadow, ...] = ()
    speed: float = 0.0
    course: float = 0.0

    def at(self, time: float) -> tuple[float, float]:
        """Position on the ground at a time in seconds."""
        way = self.speed * time
        return self.x + way * math.cos(self.course), self.y + way * math.sin(self.course)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A painted line along the road at ``offset``; ``period`` 0 is solid, else dash and gap."""

    offset: float
    width: float
    period: float = 0.0
    dash: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Road:
    """A road whose middle is the parabola ``y = curvature x² / 2``, metres.

    ``half_width`` reaches from the middle to the kerb, ``walk`` is the width of the pavement
    (0: none). ``zebra``, ``stop_line`` and ``side_street`` (where there is no kerb) are stretches
    of x.
    """

    curvature: float
    half_width: float
    kerb: float
    walk: float
    lines: tuple[Line, ...]
    zebra: tuple[float, float] | None
    stop_line: tuple[float, float] | None
    side_street: tuple[float, float] | None

    def place(self, along: float, offset: float) -> tuple[float, float, float]:
        """``(x, y, yaw)`` of a point beside the middle line, seen along the road."""
        x, y = along, self.curvature * along * along / 2 + offset
        return x, y, math.atan(self.curvature * along)

    def opens(self, start: float, end: float) -> bool:
        """Whether the side street touches a stretch of x."""
        street = self.side_street
        return street is not None and start < street[1] + 0.5 and end > street[0] - 0.5


@dataclass(frozen=True, kw_only=True)
class Row:
    """Heights of the houses on one side, metres, one each metre from ``start`` on; the wall's
    ``offset`` from the road's middle.
    """

    offset: float
    start: float
    heights: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Light:
    """Sun, sky and camera response; colours are linear RGB factors.

    ``weather`` is one of `WEATHERS`. ``visibility`` is the length in metres over which the air
    leaves 1/e of the light of what is seen through it.
    """

    weather: str
    sun_direction: tuple[float, float, float]
    sun: Colour
    ambient: Colour
    zenith: Colour
    horizon: Colour
    cloud: float
    visibility: float
    exposure: Colour
    exposure_before: float
    noise: float
    vignette: float


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Colours of asphalt, markings, paving and soil, and contrast of their grain."""

    asphalt: Colour
    marking: Colour
    paving: Colour
    soil: Colour
    grass: Colour
    contrast: float
    wear: float
    slab: float
    pattern: int


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything that a frame shows, at any time; times are in seconds, the label frame is 0.

    ``scene`` is one of `SCENES`.
    """

    scene: str
    road: Road
    ground: Ground
    light: Light
    ego: EgoMotion
    things: tuple[Thing, ...]
    rows: tuple[Row, Row]
