"""The paper's networks, built: they run, cost what they should, and read what the paper says."""

from __future__ import annotations

import pytest
import torch

from nas.compile import compile_plan
from nas.cost import cost_of
from nas.network import Network, build_network
from nas.resolution import Resolution
from search_spaces.default_tasks import DEFAULT_TASKS, DETECTION, ODOMETRY
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import preset, preset_names

SMALL = EncoderSpec(depth="resnet10", width=8)
FIVE = (*DEFAULT_TASKS, DETECTION, ODOMETRY)
FRAME = Resolution(64, 32)


@pytest.mark.parametrize("name", preset_names(FIVE))
def test_every_preset_runs_in_training_and_at_inference(name: str) -> None:
    architecture = preset(name, FIVE, SMALL)
    frames = torch.rand(2, architecture.streams, 3, FRAME.height, FRAME.width)
    for training in (True, False):
        network = Network(compile_plan(architecture, training=training))
        outputs = network(frames)
        hidden = () if training else architecture.auxiliary
        assert set(outputs) == set(architecture.task_names) - set(hidden)
        for task, output in outputs.items():
            spec = architecture.task(task)
            stride = spec.output_stride
            shape = (FRAME.height // stride, FRAME.width // stride) if stride else ()
            assert output.shape == (2, spec.channels, *shape)


def test_the_papers_own_encoder_runs_too() -> None:
    network = build_network(preset("two-stream-three-task", DEFAULT_TASKS)).eval()
    outputs = network(torch.rand(1, 2, 3, FRAME.height, FRAME.width))
    assert set(outputs) == {"depth", "motion", "segmentation"}


@pytest.mark.parametrize(
    "name", ["msnet2", "one-task-motion", "two-task-depth-segmentation", "two-stream-three-task"]
)
def test_every_decoder_of_a_two_frame_network_reads_both_frames(name: str) -> None:
    plan = compile_plan(preset(name, DEFAULT_TASKS, SMALL))
    levels = [node for node in plan.nodes if node.kind == "level"]
    assert len(levels) == 3 * len(plan.outputs)
    for level in levels:
        assert {read.frame for read in level.reads} == {"current", "previous"}


@pytest.mark.parametrize("name", ["segnet", "auxnet", "one-task-depth"])
def test_one_frame_networks_keep_nothing_for_the_next_frame(name: str) -> None:
    assert compile_plan(preset(name, DEFAULT_TASKS, SMALL)).features == ()


def test_auxiliary_depth_costs_nothing_in_the_car() -> None:
    assert cost_of(preset("auxnet", DEFAULT_TASKS)) == cost_of(preset("segnet", DEFAULT_TASKS))
