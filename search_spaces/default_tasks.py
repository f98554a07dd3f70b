"""The tasks of the embedded driving world; three of them are searched where none is named."""

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

#: Base and top of the nearest obstacle of every column, and whether there is one.
STIXELS = TaskSpec(name="stixels", kind="stixels", channels=3, output_stride=4)
#: Classes of the boxes, in the order of their label values.
DETECTION_CLASSES = ("vehicle", "pedestrian")
DETECTION = TaskSpec(
    name="detection",
    kind="detection",
    channels=len(DETECTION_CLASSES) + 4,
    classes=DETECTION_CLASSES,
    output_stride=4,
)
#: Translation and rotation since the previous frame.
ODOMETRY = TaskSpec(name="odometry", kind="odometry", channels=6, output_stride=0)
SCENE_CLASSES = ("city", "suburb", "country")
SCENE = TaskSpec(
    name="scene", kind="classification", channels=3, classes=SCENE_CLASSES, output_stride=0
)
WEATHER_CLASSES = ("clear", "overcast", "fog")
WEATHER = TaskSpec(
    name="weather", kind="classification", channels=3, classes=WEATHER_CLASSES, output_stride=0
)
#: Dirt on the lens, from none to what hides all behind it.
SOILING_CLASSES = ("clean", "semi_transparent", "opaque")
SOILING = TaskSpec(
    name="soiling", kind="classification", channels=3, classes=SOILING_CLASSES, output_stride=0
)
SOILING_TILES = TaskSpec(
    name="soiling_tiles", kind="tiles", channels=3, classes=SOILING_CLASSES, output_stride=16
)
#: Where the vanishing point of driving straight ahead is seen.
CALIBRATION = TaskSpec(name="calibration", kind="calibration", channels=1, output_stride=8)

#: What a search without ``--tasks`` trains on the embedded world: the tasks of the paper's tables.
DEFAULT_TASKS = (SEGMENTATION, DEPTH, MOTION)
ALL_TASKS = (
    *DEFAULT_TASKS,
    STIXELS,
    DETECTION,
    ODOMETRY,
    SCENE,
    WEATHER,
    SOILING,
    SOILING_TILES,
    CALIBRATION,
)
