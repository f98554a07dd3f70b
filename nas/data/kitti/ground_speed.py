"""How fast a followed object moves over the ground, and whether that is moving."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import numpy as np

from nas.data.kitti.rigid import Floats, apply
from nas.data.kitti.tracklets import Tracklet

#: The synchronized drives have ten frames a second.
_SECONDS_A_FRAME = 0.1
#: Frames before and after that a speed is measured over: places are set by hand in some frames and
#: interpolated between them, so that they jump by decimetres.
_WINDOW = 3
#: In drive 2011_09_26_0005, parked cars seem to move with up to 0.62 m/s, for their places are set
#: by hand and the own pose has errors, and pedestrians walk with 0.96 m/s and more.
STATIC_BELOW_M_PER_S = 0.7
MOVING_FROM_M_PER_S = 0.9


class Movement(Enum):
    """What is known of an object in a frame."""

    STATIC = "static"
    MOVING = "moving"
    UNSURE = "unsure"


def movement(tracklet: Tracklet, frame: int, world_from_velodyne: Mapping[int, Floats]) -> Movement:
    """Whether an object moves by itself; unsure between the thresholds and without a speed."""
    speed = ground_speed(tracklet, frame, world_from_velodyne)
    if speed is None or STATIC_BELOW_M_PER_S <= speed < MOVING_FROM_M_PER_S:
        return Movement.UNSURE
    return Movement.STATIC if speed < STATIC_BELOW_M_PER_S else Movement.MOVING


def ground_speed(
    tracklet: Tracklet, frame: int, world_from_velodyne: Mapping[int, Floats]
) -> float | None:
    """Metres a second over the ground, from the first to the last place that is known within 0.3 s
    of the frame; None where only one is.

    ``world_from_velodyne`` has the scanner's pose ``(4, 4)`` by frame. Height is left out, in which
    neither boxes nor GPS are exact.
    """
    known = [
        number
        for number in range(frame - _WINDOW, frame + _WINDOW + 1)
        if number in tracklet.boxes and number in world_from_velodyne
    ]
    if len(known) < 2:
        return None
    first, last = (
        apply(world_from_velodyne[number], tracklet.boxes[number].place)
        for number in (known[0], known[-1])
    )
    seconds = _SECONDS_A_FRAME * (known[-1] - known[0])
    return float(np.linalg.norm((last - first)[:2])) / seconds
