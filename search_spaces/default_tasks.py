"""The three tasks of the embedded default data, for whoever names no data of their own."""

from __future__ import annotations

from search_spaces.task_spec import TaskSpec

#: Classes of the procedural driving world, in the order of their label values.
SEGMENTATION_CLASSES = (
    "road",
    "lane_marking",
    "pavement",
    "terrain",
    "building",
    "vegetation",
    "pole",
    "vehicle",
    "pedestrian",
    "sky",
)
#: Classes of a motion task, in the order of their label values.
MOTION_CLASSES = ("static", "moving")

SEGMENTATION = TaskSpec(
    name="segmentation",
    kind="segmentation",
    channels=len(SEGMENTATION_CLASSES),
    classes=SEGMENTATION_CLASSES,
)
#: Metres along the optical axis.
DEPTH = TaskSpec(name="depth", kind="depth", channels=1, positive=True)
MOTION = TaskSpec(name="motion", kind="motion", channels=2, classes=MOTION_CLASSES)

DEFAULT_TASKS = (SEGMENTATION, DEPTH, MOTION)
