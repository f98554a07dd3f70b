"""What every data source promises, checked on all of its frames."""

from __future__ import annotations

import numpy as np

from nas.data.fitting import fit_frame
from nas.data.source import SPLITS, DataSource
from nas.resolution import Resolution
from nas.tasks.kinds import KINDS, make_task

#: Type and number of dimensions of a source's labels by kind of task.
FORMS = {
    "segmentation": (np.uint8, 2),
    "motion": (np.uint8, 2),
    "depth": (np.float32, 2),
    "stixels": (np.float32, 2),
    "detection": (np.float32, 2),
    "odometry": (np.float32, 1),
    "classification": (np.uint8, 0),
    "tiles": (np.uint8, 2),
    "calibration": (np.float32, 1),
}


def check_every_frame(source: DataSource) -> None:
    """Labels have the form of their kind, pass their task's own check, and can be resized."""
    specs = {spec.name: spec for spec in source.tasks}
    tasks = {name: make_task(spec) for name, spec in specs.items() if spec.kind in KINDS}
    resolution = Resolution(64, 32)
    seen = set()
    for split in SPLITS:
        for index in range(source.length(split)):
            frame = source.frame(split, index, resolution)
            for name, label in frame.labels.items():
                assert (label.dtype, label.ndim) == FORMS[specs[name].kind], name
                seen.add((split, name))
            fit_frame(frame, tasks, resolution, streams=2, where=f"{split} {index}")
    assert {(split, name) for split in ("train", "val") for name in specs} <= seen
