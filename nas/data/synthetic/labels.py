"""All labels of a rendered frame, by the name of their task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nas.data.source import IGNORE
from nas.data.synthetic.boxes import visible_boxes
from nas.data.synthetic.egomotion import relative_pose
from nas.data.synthetic.mounting import calibration
from nas.data.synthetic.render import View
from nas.data.synthetic.soiling import SOILING, Dirt, frame_class
from nas.data.synthetic.standing import stixels
from nas.data.synthetic.weather import sight
from nas.data.synthetic.world import SCENES, WEATHERS, World
from nas.resolution import Resolution

Label = NDArray[np.generic]
#: No label of a frame continues that of the frame before it: each is another world.
_NO_CHAIN = np.zeros(1, np.float32)


def labels(world: World, dirt: Dirt | None, view: View, interval: float) -> dict[str, Label]:
    """Labels of a view at time 0; ``interval`` is the time since the frame before, in seconds.

    Pixels that nobody can see have no label: those behind opaque dirt, and those so far away in
    the fog that the air takes their contrast.
    """
    camera, before = world.ego.camera(0.0), world.ego.camera(-interval)
    height, width = view.depth.shape
    hidden = (view.soiling == SOILING.index("opaque")) | (view.depth > sight(world.light))
    return {
        "segmentation": np.where(hidden, np.uint8(IGNORE), view.class_id),
        "depth": np.where(hidden, np.float32(0), view.depth),
        "motion": np.where(hidden, np.uint8(IGNORE), view.moving),
        "stixels": stixels(world, camera, view, hidden),
        "detection": visible_boxes(view, world.things, hidden),
        "odometry": np.concatenate([relative_pose(before, camera), _NO_CHAIN]),
        "scene": np.array(SCENES.index(world.scene), np.uint8),
        "weather": np.array(WEATHERS.index(world.light.weather), np.uint8),
        "soiling": np.array(frame_class(dirt), np.uint8),
        "soiling_tiles": view.soiling,
        "calibration": calibration(camera, world.ego.heading, Resolution(width, height)),
    }
