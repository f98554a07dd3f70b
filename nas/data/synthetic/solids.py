"""The shapes that everything in the world is made of, each with its own ray test.

Shapes live in the axes of the thing that they belong to (x forward, y left, z up, metres).
``cast`` takes the ray origin and directions in these axes, ``dx`` and ``dy`` ``(R, C)``, ``dz``
``(R, 1)`` since all rays of a row rise alike; it returns the depth of
the first hit, infinite where there is none, and the number of the face that was hit. ``normals``
has an outward normal for each face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.synthetic.noise import FRACTAL

Array = NDArray[np.float32]
Faces = NDArray[np.int16]
Vector = tuple[float, float, float]
#: ``(nx, ny, nz, c)``: the inside is where ``n · p <= c``; n has length 1.
Plane = tuple[float, float, float, float]
_MISS = np.float32(np.inf)
#: Stands for a normal where there is none that holds for the whole face.
_CURVED = (0.0, 0.0, 0.0)
_BOX_NORMALS = (
    (1.0, 0.0, 0.0),
    (-1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, -1.0, 0.0),
    (0.0, 0.0, 1.0),
    (0.0, 0.0, -1.0),
)
_ONE_FACE = np.zeros((), np.int16)


@dataclass(frozen=True, kw_only=True)
class Wheels:
    """Wheels under a box: axles at ``front`` and ``rear``, everything else under ``sill`` open."""

    front: float
    rear: float
    radius: float
    sill: float
    tread: float = 0.24


@dataclass(frozen=True, kw_only=True)
class Box:
    """A box from ``low`` to ``high``; faces in the order front, back, left, right, top, bottom."""

    low: Vector
    high: Vector
    wheels: Wheels | None = None

    @property
    def normals(self) -> tuple[Vector, ...]:
        """Outward, one a face."""
        return _BOX_NORMALS

    def cast(self, origin: Vector, dx: Array, dy: Array, dz: Array) -> tuple[Array, Faces]:
        """The slab test. Behind a slab both its depths are negative, so that nothing is left."""
        near = np.zeros(dx.shape, np.float32)
        far = np.full((1, 1), _MISS)
        face = np.full(dx.shape, -1, np.int16)
        for axis, slope in enumerate((dx, dy, dz)):
            start, low, high = origin[axis], self.low[axis], self.high[axis]
            scale = np.float32(1) / slope
            if low <= start <= high:
                exits = np.maximum(
                    scale * np.float32(low - start), scale * np.float32(high - start)
                )
                far = np.minimum(far, exits)
                continue
            first, last, index = (low, high, 2 * axis + 1) if start < low else (high, low, 2 * axis)
            depth = scale * np.float32(first - start)
            np.copyto(face, np.int16(index), where=depth > near)
            np.maximum(near, depth, out=near)
            far = np.minimum(far, scale * np.float32(last - start))
        np.copyto(near, _MISS, where=(near >= far) | (face < 0))
        if self.wheels is not None:
            _open_underside(self, self.wheels, near, face, origin, (dx, dy, dz))
        return near, face


@dataclass(frozen=True, kw_only=True)
class Convex:
    """A convex body within planes; ``low`` and ``high`` bound it."""

    planes: tuple[Plane, ...]
    low: Vector
    high: Vector

    @property
    def normals(self) -> tuple[Vector, ...]:
        """Outward, one a face."""
        return tuple((nx, ny, nz) for nx, ny, nz, _ in self.planes)

    def cast(self, origin: Vector, dx: Array, dy: Array, dz: Array) -> tuple[Array, Faces]:
        """Rays enter through the last plane whose outer side they start from."""
        near = np.zeros(dx.shape, np.float32)
        far = np.full((1, 1), _MISS)
        face = np.full(dx.shape, -1, np.int16)
        ox, oy, oz = origin
        for index, plane in enumerate(self.planes):
            nx, ny, nz, reach = plane
            gap = reach - nx * ox - ny * oy - nz * oz
            slope = _along(plane, dx, dy, dz)  # (R, C), or (R, 1) of a level plane
            depth = np.float32(gap) / slope
            if gap < 0:
                np.copyto(depth, _MISS, where=slope >= 0)
                np.copyto(face, np.int16(index), where=depth > near)
                np.maximum(near, depth, out=near)
            else:
                np.copyto(depth, _MISS, where=slope <= 0)
                far = np.minimum(far, depth)
        np.copyto(near, _MISS, where=(near >= far) | (face < 0))
        return near, face


@dataclass(frozen=True, kw_only=True)
class Ellipsoid:
    """An ellipsoid; ``ragged`` (0 to 1) is how deep leaves bite into its outline."""

    centre: Vector
    radii: Vector
    ragged: float = 0.0
    pattern: int = 0

    @property
    def normals(self) -> tuple[Vector, ...]:
        """One face, curved."""
        return (_CURVED,)

    @property
    def low(self) -> Vector:
        """Lowest corner."""
        return _shifted(self.centre, self.radii, -1)

    @property
    def high(self) -> Vector:
        """Highest corner."""
        return _shifted(self.centre, self.radii, 1)

    def cast(self, origin: Vector, dx: Array, dy: Array, dz: Array) -> tuple[Array, Faces]:
        """The nearer root of the quadratic in axes where this is the unit sphere."""
        ox, oy, oz = ((o - c) / r for o, c, r in zip(origin, self.centre, self.radii, strict=True))
        ux, uy, uz = (d * np.float32(1 / r) for d, r in zip((dx, dy, dz), self.radii, strict=True))
        a = ux * ux + uy * uy + uz * uz
        middle = (ux * -ox + uy * -oy + uz * -oz) / a  # parameter of the closest approach
        rim = middle * middle - np.float32(ox * ox + oy * oy + oz * oz - 1) / a
        seen = (rim > 0) & (middle > 0)
        if self.ragged:
            across = oy + middle * uy + ox + middle * ux
            leaves = FRACTAL.coarse(across * 9, (oz + middle * uz) * 9, self.pattern)
            seen &= rim * a > self.ragged * (np.float32(0.5) + np.float32(0.7) * leaves)
        depth = middle - np.sqrt(np.maximum(rim, 0))
        depth[~seen] = _MISS
        return depth, _ONE_FACE


@dataclass(frozen=True, kw_only=True)
class Column:
    """An upright cylinder without lids at ``(x, y)`` from ``bottom`` to ``top``."""

    radius: float
    top: float
    bottom: float = 0.0
    x: float = 0.0
    y: float = 0.0

    @property
    def normals(self) -> tuple[Vector, ...]:
        """One face, curved."""
        return (_CURVED,)

    @property
    def low(self) -> Vector:
        """Lowest corner."""
        return (self.x - self.radius, self.y - self.radius, self.bottom)

    @property
    def high(self) -> Vector:
        """Highest corner."""
        return (self.x + self.radius, self.y + self.radius, self.top)

    def cast(self, origin: Vector, dx: Array, dy: Array, dz: Array) -> tuple[Array, Faces]:
        """The nearer root of the quadratic in the ground plane."""
        ox, oy = origin[0] - self.x, origin[1] - self.y
        a: Array = dx * dx + dy * dy
        toward: Array = dx * np.float32(-ox) + dy * np.float32(-oy)
        middle: Array = toward / a
        rim = middle * middle - np.float32(ox * ox + oy * oy - self.radius**2) / a
        depth: Array = middle - np.sqrt(np.maximum(rim, 0))
        z = origin[2] + depth * dz
        depth[(rim <= 0) | (depth <= 0) | (z < self.bottom) | (z > self.top)] = _MISS
        return depth, _ONE_FACE


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A flat person in the plane x = 0: head, trunk with arms, legs (faces 0, 1, 2).

    ``stride`` is how far a foot stands from the middle, ``swing`` an arm's hand, in metres.
    """

    height: float
    girth: float
    stride: float
    swing: float

    @property
    def normals(self) -> tuple[Vector, ...]:
        """Towards whoever looks and half upwards: a person is not flat."""
        return ((0.5, 0.0, 0.5),) * 3

    @property
    def low(self) -> Vector:
        """Lowest corner."""
        return (-0.02, -self._reach, 0.0)

    @property
    def high(self) -> Vector:
        """Highest corner."""
        return (0.02, self._reach, self.height)

    @property
    def _reach(self) -> float:
        return max(abs(self.stride), abs(self.swing), self.girth) + 0.15

    def cast(self, origin: Vector, dx: Array, dy: Array, dz: Array) -> tuple[Array, Faces]:
        """One plane, cut out along the outline."""
        depth = np.float32(-origin[0]) / dx
        y, z = origin[1] + depth * dy, (origin[2] + depth * dz) * np.float32(1 / self.height)
        side = np.abs(y)
        head = y * y + ((z - 0.925) * self.height) ** 2 < (0.075 * self.height) ** 2
        trunk = (z > 0.46) & (z < 0.84) & (side < self.girth * (0.62 + 0.5 * z) * 0.9)
        lower = (0.82 - z) * np.float32(1 / 0.36)
        swung = side - (self.girth + (abs(self.swing) - self.girth) * lower)
        trunk |= (z > 0.46) & (z < 0.82) & (np.abs(swung) < 0.045)
        spread = abs(self.stride) * (1 - z * np.float32(1 / 0.48))
        legs = (z > 0) & (z <= 0.48) & (np.abs(side - spread - 0.08) < 0.085)
        depth[~(head | trunk | legs) | (depth <= 0)] = _MISS
        face = np.where(head, np.int16(0), np.where(trunk, np.int16(1), np.int16(2)))
        return depth, face


Solid = Box | Convex | Ellipsoid | Column | Figure


def tapered(low: Vector, high: Vector, front: float, back: float, sides: float) -> Convex:
    """A box whose walls lean inwards by these metres from bottom to top; faces as in `Box`."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    rise = z1 - z0

    def leaning(nx: float, ny: float, lean: float, reach: float) -> Plane:
        length = math.hypot(rise, lean)
        up = lean / length
        return (nx * rise / length, ny * rise / length, up, reach * rise / length + up * z0)

    planes = (
        leaning(1.0, 0.0, front, x1),
        leaning(-1.0, 0.0, back, -x0),
        leaning(0.0, 1.0, sides, y1),
        leaning(0.0, -1.0, sides, -y0),
        (0.0, 0.0, 1.0, z1),
        (0.0, 0.0, -1.0, -z0),
    )
    return Convex(planes=planes, low=low, high=high)


def _along(plane: Plane, dx: Array, dy: Array, dz: Array) -> Array:
    """``n · d``, without the products that are zero."""
    total: Array | None = None
    for n, d in zip(plane[:3], (dx, dy, dz), strict=True):
        if n:
            term = d * np.float32(n)
            total = term if total is None else total + term
    assert total is not None
    return total


def _open_underside(
    body: Box,
    wheels: Wheels,
    near: Array,
    face: Faces,
    origin: Vector,
    directions: tuple[Array, Array, Array],
) -> None:
    """Let rays pass under a vehicle's body unless they meet a wheel; changes ``near``."""
    dx, dy, dz = directions
    z = origin[2] + near * dz
    low = z < wheels.sill
    if not low.any():
        return
    depth, z = near[low], z[low]
    x, y = origin[0] + depth * dx[low], origin[1] + depth * dy[low]
    up = (z - np.float32(wheels.radius)) ** 2
    in_disc = np.minimum((x - wheels.front) ** 2, (x - wheels.rear) ** 2) + up < wheels.radius**2
    in_tread = np.abs(y) > body.high[1] - wheels.tread
    near[low] = np.where(np.where(face[low] < 2, in_tread, in_disc), depth, _MISS)


def _shifted(centre: Vector, radii: Vector, sign: int) -> Vector:
    x, y, z = (c + sign * r for c, r in zip(centre, radii, strict=True))
    return (x, y, z)
