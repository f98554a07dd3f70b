"""Faults in the workers of a Ray cluster."""

from __future__ import annotations

from typing import Any

from studies.course import Course
from studies.runners.ray_cluster import _Training
from tests.studies.runners import faults


class Training(_Training):
    """A worker in which they happen."""

    def setup(self, config: dict[str, Any], course: Course, device: str) -> None:
        faults.install()
        super().setup(config, course, device)
