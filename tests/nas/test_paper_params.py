from __future__ import annotations

import pytest

from nas.cost import cost_of
from nas.paper_params import PAPER_TASKS, paper_params
from search_spaces.presets import preset
from search_spaces.task_spec import TaskSpec

#: Parameters in millions that the paper prints for its networks.
PRINTED = {
    "one-task-segmentation": 23.77,
    "one-task-depth": 23.59,
    "one-task-motion": 23.60,
    "two-task-depth-segmentation": 23.86,
    "two-task-motion-segmentation": 23.86,
    "two-stream-three-task": 23.87,
}


@pytest.mark.parametrize("name", PRINTED)
def test_counts_are_the_papers_within_a_twentieth_of_a_percent(name: str) -> None:
    counted = paper_params(preset(name, PAPER_TASKS))
    assert counted == pytest.approx(PRINTED[name] * 1e6, rel=5e-4)


def test_counts_in_full() -> None:
    counts = [paper_params(preset(name, PAPER_TASKS)) for name in PRINTED]
    assert counts == [23_774_712, 23_591_590, 23_603_212, 23_853_854, 23_861_892, 23_869_354]


def test_a_two_frame_network_of_twelve_classes_has_what_its_own_paper_prints() -> None:
    """arXiv 1901.02511, table 2: MSFCN-2 with shared weights has 23,715,272 parameters."""
    twelve = TaskSpec(name="segmentation", kind="segmentation", channels=12)
    assert paper_params(preset("msnet2", (twelve,))) == 23_715_272


def test_the_encoder_alone_is_resnet_50_without_its_classifier() -> None:
    """23,454,912 numbers in kernels, and five for each of 26,560 normalised channels."""
    kernels, channels = 23_454_912, 26_560
    depth = preset("one-task-depth", PAPER_TASKS)
    decoder = 512 + 1024 + 2048 + 3 + 2 * (4 * 4 + 1) + (16 * 16 + 1)
    assert paper_params(depth) == kernels + 5 * channels + decoder


def test_an_auxiliary_task_is_not_counted() -> None:
    assert paper_params(preset("auxnet", PAPER_TASKS)) == paper_params(
        preset("segnet", PAPER_TASKS)
    )


def test_it_counts_more_than_is_learned() -> None:
    network = preset("segnet", PAPER_TASKS)
    assert paper_params(network) - cost_of(network).params == 3 * 26_560
