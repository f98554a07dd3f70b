from __future__ import annotations

from dataclasses import replace

import pytest

from search_spaces.architecture import Architecture
from search_spaces.default_tasks import (
    DEFAULT_TASKS,
    DEPTH,
    DETECTION,
    MOTION,
    ODOMETRY,
    SEGMENTATION,
)
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import (
    PRESETS,
    is_preset,
    preset,
    preset_names,
    preset_summary,
    reference_encoder,
    single_task,
)
from search_spaces.space import SearchSpace
from search_spaces.task_spec import ArchitectureError, TaskSpec

#: The tasks of the paper's Fig. 1.
FIVE = (*DEFAULT_TASKS, DETECTION, ODOMETRY)
NAMES = ("depth", "motion", "segmentation")


@pytest.mark.parametrize("name", ["independent", "shared", "two-stream-three-task"])
def test_networks_of_all_tasks_are_inside_the_default_space(name: str) -> None:
    architecture = preset(name, DEFAULT_TASKS)
    assert architecture in SearchSpace.for_tasks(DEFAULT_TASKS)
    assert architecture.streams == 2


@pytest.mark.parametrize("name", preset_names(FIVE))
def test_every_preset_is_canonical_and_survives_json(name: str) -> None:
    architecture = preset(name, FIVE)
    assert architecture == preset(name, FIVE[::-1])
    assert Architecture.from_json(architecture.to_json()) == architecture
    assert replace(architecture) == architecture
    assert preset_summary(name).endswith(".")


@pytest.mark.parametrize("name", preset_names(FIVE))
def test_every_preset_takes_another_encoder_and_changes_nothing_else(name: str) -> None:
    small = EncoderSpec(depth="resnet10", width=16)
    other = preset(name, FIVE, small)
    assert other.encoder == small
    assert replace(other, encoder=preset(name, FIVE).encoder) == preset(name, FIVE)


def test_names_are_those_that_the_tasks_allow() -> None:
    assert preset_names((DEPTH,)) == ("independent", "shared", "one-task-depth")
    names = preset_names((SEGMENTATION, DEPTH))
    assert names == (
        "independent",
        "shared",
        "segnet",
        "msnet2",
        "rnnet2",
        "auxnet",
        "one-task-depth",
        "one-task-segmentation",
        "two-task-depth-segmentation",
    )
    assert set(preset_names(FIVE)) >= {*names, *PRESETS}
    assert all(is_preset(name) for name in preset_names(FIVE))
    assert not is_preset("two-tasks")


def test_presets_differ_in_what_their_names_say() -> None:
    alone, together = (preset(name, DEFAULT_TASKS) for name in ("independent", "shared"))
    assert [alone.sharing.depth(name) for name in NAMES] == [0, 0, 0]
    assert [together.sharing.depth_between("depth", name) for name in NAMES] == [5, 5, 5]
    assert alone.encoder == together.encoder == reference_encoder()


def test_the_papers_network() -> None:
    paper = preset("two-stream-three-task", DEFAULT_TASKS)
    assert paper.encoder == EncoderSpec(depth="resnet50", width=64)
    assert (paper.decoder.kind, paper.streams, paper.fusion) == ("fcn8", 2, "concat")
    assert paper.weighting == "geometric"
    assert paper.sharing == preset("shared", DEFAULT_TASKS).sharing


@pytest.mark.parametrize("name", ["independent", "shared"])
def test_tasks_without_motion_read_one_frame(name: str) -> None:
    tasks = (SEGMENTATION, DEPTH)
    assert preset(name, tasks).streams == 1
    assert preset(name, tasks) in SearchSpace.for_tasks(tasks)


@pytest.mark.parametrize("name", ["independent", "shared"])
def test_presets_of_one_task_and_of_five(name: str) -> None:
    many = tuple(TaskSpec(name=letter, kind="depth", channels=1) for letter in "abcde")
    assert preset(name, many).task_names == tuple("abcde")
    assert preset(name, many[:1]).task_names == ("a",)


@pytest.mark.parametrize("task", DEFAULT_TASKS)
def test_single_task_networks_are_like_the_studys(task: TaskSpec) -> None:
    study = preset("shared", DEFAULT_TASKS)
    alone = single_task(task, study)
    assert alone.tasks == (task,)
    assert (alone.encoder, alone.decoder, alone.streams) == (study.encoder, study.decoder, 2)
    assert alone.links == alone.augmentations == alone.pruning == ()
    assert single_task(MOTION).streams == 2
    assert single_task(DEPTH).streams == 1
    assert Architecture.from_dict(alone.to_dict()) == alone


def test_what_a_preset_lacks_is_named() -> None:
    with pytest.raises(ArchitectureError, match="neurall needs a task of kind detection, one"):
        preset("neurall", DEFAULT_TASKS)
    with pytest.raises(ArchitectureError, match="unknown task 'depht', did you mean depth"):
        preset("one-task-depht", DEFAULT_TASKS)
    with pytest.raises(ArchitectureError, match="two different tasks, as in two-task-depth-"):
        preset("two-task-depth-depth", DEFAULT_TASKS)
    with pytest.raises(ArchitectureError, match="name one task, as in one-task-depth"):
        preset("one-task-depth-motion", DEFAULT_TASKS)


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ArchitectureError, match="unknown preset 'sharde', did you mean shared"):
        preset("sharde", DEFAULT_TASKS)


def test_tasks_that_no_network_can_have() -> None:
    with pytest.raises(ArchitectureError, match="depth twice"):
        preset("shared", (DEPTH, DEPTH))
