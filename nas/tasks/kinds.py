"""Which class behaves for which kind of task: a new kind is one more line here."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from nas.tasks.calibration import Calibration
from nas.tasks.classification import Classification
from nas.tasks.depth import Depth
from nas.tasks.detection import Detection
from nas.tasks.motion import Motion
from nas.tasks.odometry import Odometry
from nas.tasks.segmentation import Segmentation
from nas.tasks.stixels import Stixels
from nas.tasks.task import Task
from nas.tasks.tiles import Tiles
from search_spaces.task_spec import ArchitectureError, TaskSpec

KINDS: Mapping[str, type[Task]] = MappingProxyType(
    {
        Segmentation.kind: Segmentation,
        Depth.kind: Depth,
        Motion.kind: Motion,
        Classification.kind: Classification,
        Tiles.kind: Tiles,
        Stixels.kind: Stixels,
        Odometry.kind: Odometry,
        Calibration.kind: Calibration,
        Detection.kind: Detection,
    }
)


def make_task(spec: TaskSpec, kinds: Mapping[str, type[Task]] = KINDS) -> Task:
    """The behaviour of a task.

    Pass ``{**KINDS, MyTask.kind: MyTask}`` to add a kind of your own. Raises
    ``ArchitectureError`` for an unknown kind, and for a spec that does not suit its kind.
    """
    if spec.kind not in kinds:
        close = get_close_matches(spec.kind, kinds, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ArchitectureError(
            f"task {spec.name}: kind {spec.kind!r} is unknown, there are {', '.join(kinds)}{hint}"
        )
    return kinds[spec.kind](spec)
