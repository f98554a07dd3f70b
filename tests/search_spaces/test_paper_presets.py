from __future__ import annotations

import pytest

from search_spaces.default_tasks import (
    DEFAULT_TASKS,
    DEPTH,
    DETECTION,
    MOTION,
    ODOMETRY,
    SEGMENTATION,
)
from search_spaces.loss_weights import LossWeight
from search_spaces.paper_presets import PAPER_ENCODER, of_kinds
from search_spaces.presets import preset
from search_spaces.sharing import Sharing
from search_spaces.task_spec import ArchitectureError, TaskSpec

FIVE = (*DEFAULT_TASKS, DETECTION, ODOMETRY)


@pytest.mark.parametrize(
    ("name", "tasks", "streams", "fusion"),
    [
        ("segnet", "segmentation", 1, "concat"),
        ("msnet2", "segmentation", 2, "concat"),
        ("rnnet2", "segmentation", 2, "recurrent"),
        ("auxnet", "depth segmentation", 1, "concat"),
        ("one-task-segmentation", "segmentation", 1, "concat"),
        ("one-task-depth", "depth", 1, "concat"),
        ("one-task-motion", "motion", 2, "concat"),
        ("two-task-segmentation-depth", "depth segmentation", 2, "concat"),
        ("two-stream-three-task", "depth motion segmentation", 2, "concat"),
        ("neurall", "depth detection motion odometry segmentation", 2, "concat"),
    ],
)
def test_tasks_and_frames_of_each_network(name: str, tasks: str, streams: int, fusion: str) -> None:
    network = preset(name, FIVE)
    assert network.task_names == tuple(tasks.split())
    assert (network.streams, network.fusion) == (streams, fusion)
    assert network.encoder == PAPER_ENCODER
    assert network.decoder.kind == "fcn8"
    assert network.sharing == Sharing.shared(network.task_names)


def test_depth_of_auxnet_teaches_and_is_no_output() -> None:
    network = preset("auxnet", DEFAULT_TASKS)
    assert network.auxiliary == ("depth",)
    assert network.weighting == "fixed"
    assert network.loss_weights == (LossWeight(task="segmentation", weight=400),)


def test_multi_task_networks_take_the_product_of_losses() -> None:
    for name in ("two-task-depth-motion", "two-stream-three-task", "neurall"):
        assert preset(name, FIVE).weighting == "geometric"


def test_tasks_are_taken_by_kind_whatever_their_names() -> None:
    surface = TaskSpec(name="surface", kind="segmentation", channels=3)
    distance = TaskSpec(name="distance", kind="depth", channels=1)
    network = preset("auxnet", (surface, MOTION, distance))
    assert network.task_names == ("distance", "surface")
    assert network.auxiliary == ("distance",)


def test_the_first_by_name_is_taken_of_several_of_a_kind() -> None:
    another = TaskSpec(name="a_second", kind="depth", channels=1)
    assert of_kinds("x", (DEPTH, another, SEGMENTATION), "segmentation", "depth") == (
        SEGMENTATION,
        another,
    )


def test_a_preset_without_its_tasks_says_which_kinds_are_missing() -> None:
    with pytest.raises(ArchitectureError, match="of kind segmentation, one of kind depth; the "):
        preset("auxnet", (MOTION,))
