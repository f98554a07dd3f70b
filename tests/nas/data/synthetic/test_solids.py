"""Every shape against a slow reference: small steps along the ray until it is inside."""

import math

import numpy as np
import pytest

from nas.data.synthetic.solids import Box, Column, Convex, Ellipsoid, Figure, Wheels, tapered

LOW, HIGH = (-1.5, -0.8, 0.2), (1.2, 0.9, 1.7)
STEPS = np.linspace(0.0, 14.0, 7001)


def rays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    right, down = np.linspace(-0.35, 0.35, 23), np.linspace(-0.15, 0.3, 17)[:, None]
    dx, dy = np.broadcast_to(np.float32(1), (17, 23)), np.broadcast_to(-right, (17, 23))
    turn = 0.3
    return (
        (math.cos(turn) * dx - math.sin(turn) * dy).astype(np.float32),
        (math.sin(turn) * dx + math.cos(turn) * dy).astype(np.float32),
        (-down).astype(np.float32),
    )


ORIGIN = (-6.0, -1.9, 1.3)


def in_box(p):
    return np.all([(p[i] > LOW[i]) & (p[i] < HIGH[i]) for i in range(3)], axis=0)


def in_tapered(p):
    up = (p[2] - LOW[2]) / (HIGH[2] - LOW[2])
    inside = (up > 0) & (up < 1) & (p[0] < HIGH[0] - 0.5 * up) & (p[0] > LOW[0] + 0.3 * up)
    return inside & (p[1] < HIGH[1] - 0.2 * up) & (p[1] > LOW[1] + 0.2 * up)


def in_ellipsoid(p):
    return ((p[0] - 0.2) / 1.5) ** 2 + (p[1] / 0.7) ** 2 + ((p[2] - 1) / 0.9) ** 2 < 1


def in_column(p):
    return (p[0] ** 2 + (p[1] - 0.1) ** 2 < 0.4**2) & (p[2] > 0.1) & (p[2] < 1.9)


@pytest.mark.parametrize(
    ("solid", "inside"),
    [
        (Box(low=LOW, high=HIGH), in_box),
        (tapered(LOW, HIGH, front=0.5, back=0.3, sides=0.2), in_tapered),
        (Ellipsoid(centre=(0.2, 0.0, 1.0), radii=(1.5, 0.7, 0.9)), in_ellipsoid),
        (Column(radius=0.4, top=1.9, bottom=0.1, y=0.1), in_column),
    ],
    ids=["box", "tapered", "ellipsoid", "column"],
)
def test_depth_is_where_the_ray_first_gets_inside(solid, inside):
    dx, dy, dz = rays()
    with np.errstate(divide="ignore", invalid="ignore"):
        depth, _ = solid.cast(ORIGIN, dx, dy, dz)
    directions = [np.broadcast_to(d, dx.shape)[..., None] * STEPS for d in (dx, dy, dz)]
    reached = inside([o + d for o, d in zip(ORIGIN, directions, strict=True)])
    expected = np.where(reached.any(-1), STEPS[reached.argmax(-1)], np.inf)
    both = np.isfinite(depth) & np.isfinite(expected)
    assert both.sum() > 15
    assert (np.isfinite(depth) != np.isfinite(expected)).mean() < 0.02  # grazing rays
    np.testing.assert_allclose(depth[both], expected[both], atol=0.02)


def test_box_and_planes_name_the_same_faces():
    normals = Box(low=LOW, high=HIGH).normals
    reach = (HIGH[0], -LOW[0], HIGH[1], -LOW[1], HIGH[2], -LOW[2])
    planes = tuple((*n, c) for n, c in zip(normals, reach, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        a, a_face = Box(low=LOW, high=HIGH).cast(ORIGIN, *rays())
        b, b_face = Convex(planes=planes, low=LOW, high=HIGH).cast(ORIGIN, *rays())
    np.testing.assert_allclose(a, b, rtol=1e-4)
    seen = np.isfinite(a)
    np.testing.assert_array_equal(a_face[seen], b_face[seen])
    assert set(np.unique(a_face[seen])) <= {1, 3}  # back and right, seen from behind on the right


def test_one_sees_under_a_vehicle_but_not_through_its_wheels():
    wheels = Wheels(front=1.2, rear=-1.2, radius=0.35, sill=0.25)
    body = Box(low=(-2.0, -0.9, 0.0), high=(2.0, 0.9, 1.4), wheels=wheels)
    aim = np.array([[-1.2, 0.0, 1.2]], np.float32)  # at the wheels and between them, 0.1 m up
    dx, dy, dz = aim / 5, np.ones((1, 3), np.float32), np.full((1, 1), -0.9 / 5, np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth, _ = body.cast((0.0, -5.9, 1.0), dx, dy, dz)
    assert np.isfinite(depth).tolist() == [[True, False, True]]


def test_ragged_outlines_only_take_away():
    smooth = Ellipsoid(centre=(0.0, 0.0, 1.0), radii=(1.0, 1.0, 1.0))
    ragged = Ellipsoid(centre=(0.0, 0.0, 1.0), radii=(1.0, 1.0, 1.0), ragged=0.5)
    full, bitten = (s.cast(ORIGIN, *rays())[0] for s in (smooth, ragged))
    kept = np.isfinite(bitten)
    np.testing.assert_array_equal(bitten[kept], full[kept])
    assert 0.3 < kept.sum() / np.isfinite(full).sum() < 1


def test_a_figure_has_head_trunk_and_legs_from_top_to_bottom():
    figure = Figure(height=1.8, girth=0.22, stride=0.15, swing=0.3)
    up = np.linspace(0.02, 1.78, 60, dtype=np.float32)[:, None]
    aside = np.linspace(-0.5, 0.5, 41, dtype=np.float32)[None] + np.zeros_like(up)
    depth, face = figure.cast((-5.0, 0.0, 0.0), np.ones_like(aside), aside / 5, up / 5)
    hit = np.isfinite(depth)
    np.testing.assert_allclose(depth[hit], 5.0)
    heights = [np.broadcast_to(up, hit.shape)[hit & (face == part)].mean() for part in (2, 1, 0)]
    assert heights == sorted(heights)
    assert hit.any(axis=1).mean() > 0.95
