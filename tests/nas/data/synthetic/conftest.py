from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from nas.data.synthetic import SyntheticSource
from nas.data.synthetic.camera import Camera
from nas.data.synthetic.world import Road, Thing, World


@pytest.fixture
def eye() -> Camera:
    """Level, 1.4 m above the middle of the road, looking along it."""
    return Camera(x=0.0, y=0.0, z=1.4, yaw=0.0, pitch=0.0, focal=0.6)


@pytest.fixture
def flat_world() -> Callable[..., World]:
    """Nothing but these things on a flat road, in clear air."""

    def build(*things: Thing, **road: object) -> World:
        world = SyntheticSource(seed=5).world("train", 0)
        flat = Road(
            curvature=0.0,
            half_width=1e6,
            kerb=0.1,
            walk=2.0,
            lines=(),
            zebra=None,
            stop_line=None,
            side_street=None,
        )
        light = dataclasses.replace(world.light, weather="clear", visibility=900.0)
        return dataclasses.replace(
            world, things=things, light=light, road=dataclasses.replace(flat, **road)
        )

    return build
