"""What KITTI's labels mean to the search space, where it is not what the embedded data means."""

from __future__ import annotations

from nas.data.cityscapes_classes import CITYSCAPES_CLASSES
from search_spaces.task_spec import TaskSpec

#: Classes of boxes, in the order of their label values.
BOX_CLASSES = ("vehicle", "pedestrian", "cyclist")
#: Four channels more than classes: where a box's sides are.
DETECTION = TaskSpec(
    name="detection",
    kind="detection",
    channels=len(BOX_CLASSES) + 4,
    classes=BOX_CLASSES,
    output_stride=4,
)
#: The 2015 benchmark's, in Cityscapes' training ids.
SEGMENTATION = TaskSpec(
    name="segmentation",
    kind="segmentation",
    channels=len(CITYSCAPES_CLASSES),
    classes=CITYSCAPES_CLASSES,
)
