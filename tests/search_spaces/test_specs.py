"""Validation of the parts of an architecture: the message names the field and the repair."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import SEGMENTATION
from search_spaces.efficientnet_spec import LITE0
from search_spaces.encoder_spec import ENCODERS, EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import FilterRatio, kept_channels
from search_spaces.resnet_spec import ResNet
from search_spaces.synergy import SynergyLink
from search_spaces.task_spec import ArchitectureError, TaskSpec, ordered_tasks


def _task(**values: object) -> TaskSpec:
    return TaskSpec(**{"name": "depth", "kind": "depth", "channels": 1, **values})  # type: ignore[arg-type]


def _link(**values: object) -> SynergyLink:
    return SynergyLink(**{"source": "a", "target": "b", "level": 8, **values})  # type: ignore[arg-type]


def _ratio(**values: object) -> FilterRatio:
    return FilterRatio(**{"task": "a", "part": "branch", "ratio": 0.5, **values})  # type: ignore[arg-type]


def _augmentation(**values: object) -> Augmentation:
    return Augmentation(**{"task": "a", "stage": 1, "channels": 8, **values})  # type: ignore[arg-type]


def _encoder(**values: object) -> EncoderSpec:
    return EncoderSpec(**values)  # type: ignore[arg-type]


def _decoder(**values: object) -> DecoderSpec:
    return DecoderSpec(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "broken", "field", "repair"),
    [
        (_task, {"name": "Depth"}, "task name 'Depth'", "lower-case"),
        (_task, {"name": ""}, "task name ''", "beginning with a letter"),
        (_task, {"name": 3}, "name is 3", "give a str"),
        (_task, {"kind": ""}, "kind is empty", "name its behaviour"),
        (_task, {"kind": None}, "kind is None", "give a str"),
        (_task, {"channels": 0}, "channels is 0", "use 1 to 4096"),
        (_task, {"channels": 4097}, "channels is 4097", "use 1 to 4096"),
        (_task, {"channels": True}, "channels is True", "give a int"),
        (_task, {"channels": 1.0}, r"channels is 1\.0", "give a int"),
        (_task, {"positive": 1}, "positive is 1", "give a bool"),
        (
            _task,
            {"classes": ("x", "y")},
            "2 class names for 1 channels",
            "a class a channel",
        ),
        (_task, {"classes": "x"}, "classes is 'x'", "give a tuple of names"),
        (_task, {"classes": (1,)}, r"classes is \(1,\)", "give a tuple of names"),
        (_encoder, {"depth": "resnet81"}, r"encoder\.depth is 'resnet81'", "resnet18, "),
        (_encoder, {"width": 20}, r"encoder\.width is 20", "a multiple of 8 from 8 to 512"),
        (_encoder, {"width": 0}, r"encoder\.width is 0", "from 8 to 512"),
        (_encoder, {"width": 520}, r"encoder\.width is 520", "from 8 to 512"),
        (_encoder, {"width": 32.0}, r"encoder\.width is 32\.0", "from 8 to 512"),
        (_decoder, {"kind": "unet"}, r"decoder\.kind is 'unet'", "use fpn, fcn8"),
        (_decoder, {"width": 12}, r"decoder\.width is 12", "a multiple of 8"),
        (_decoder, {"width": 64.0}, r"decoder\.width is 64\.0", "a multiple of 8"),
        (_link, {"target": "a"}, "links: a is linked to itself", "two different tasks"),
        (_link, {"level": 2}, "links: level is 2", "32, 16, 8, 4"),
        (_link, {"level": 8.0}, r"links: level is 8\.0", "32, 16, 8, 4"),
        (_link, {"operation": "mul"}, "links: operation is 'mul'", "add, concat, gate"),
        (_augmentation, {"stage": 5}, "augmentations: stage is 5", r"0 \(stem\) to 4"),
        (_augmentation, {"stage": True}, "augmentations: stage is True", "to 4"),
        (_augmentation, {"channels": 4}, "augmentations: channels is 4", "from 0 to 512"),
        (_augmentation, {"channels": -8}, "augmentations: channels is -8", "from 0 to 512"),
        (_ratio, {"part": "head"}, "pruning: part is 'head'", "shared, branch, decoder"),
        (_ratio, {"ratio": 0.95}, r"pruning: ratio of a's branch is 0\.95", r"use 0 to 0\.9"),
        (_ratio, {"ratio": -0.1}, "pruning: ratio", r"use 0 to 0\.9"),
        (_ratio, {"ratio": float("nan")}, "pruning: ratio", r"use 0 to 0\.9"),
        (_ratio, {"ratio": "0.5"}, "pruning: ratio", r"use 0 to 0\.9"),
    ],
)
def test_a_broken_field_is_named_with_its_repair(
    make: Callable[..., object], broken: dict[str, object], field: str, repair: str
) -> None:
    make()
    with pytest.raises(ArchitectureError, match=f"{field}.*{repair}"):
        make(**broken)


def test_tasks_are_ordered_by_name() -> None:
    assert [t.name for t in ordered_tasks([_task(name="b"), _task(name="a")])] == ["a", "b"]


def test_classes_may_be_a_list() -> None:
    assert _task(classes=["metres"]) == _task(classes=("metres",))


@pytest.mark.parametrize(("depth", "channels"), [("resnet18", 256), ("resnet50", 1024)])
def test_channels_double_from_stage_to_stage(depth: str, channels: int) -> None:
    encoder = EncoderSpec(depth=depth, width=32)
    assert encoder.channels(0) == 32
    assert encoder.channels(4) == channels
    description = ENCODERS[depth]
    assert isinstance(description, ResNet)
    assert [description.planes(32, stage) for stage in range(5)] == [32, 32, 64, 128, 256]


def test_names_of_encoders_count_their_convolutions() -> None:
    resnets = {n: depth for n, depth in ENCODERS.items() if isinstance(depth, ResNet)}
    assert len(resnets) == len(ENCODERS) - 1
    for name, depth in resnets.items():
        in_block = 3 if depth.block == "bottleneck" else 2
        assert int(name.removeprefix("resnet")) == sum(depth.blocks) * in_block + 2


@pytest.mark.parametrize(
    ("width", "channels"),
    [
        (32, [24, 24, 40, 112, 320]),
        (64, [48, 48, 80, 224, 640]),
        (48, [40, 40, 64, 168, 480]),  # 36 and 60 lie half-way: the larger multiple
        (16, [16, 16, 24, 56, 160]),  # of 20 and 12 a tenth may be lost at most
        (8, [8, 8, 16, 32, 80]),
    ],
)
def test_channels_of_lite0_are_in_proportion_to_the_stems(width: int, channels: list[int]) -> None:
    encoder = EncoderSpec(depth="efficientnet_lite0", width=width)
    assert [encoder.channels(stage) for stage in range(5)] == channels


def test_blocks_of_lite0_are_the_published_ones() -> None:
    rows = [
        (block.kernel, block.stride, block.inputs, block.inner, block.channels)
        for stage in range(5)
        for block in LITE0.blocks(32, stage)
    ]
    assert rows[:5] == [
        (3, 1, 32, 32, 16),
        (3, 2, 16, 96, 24),
        (3, 1, 24, 144, 24),
        (5, 2, 24, 144, 40),
        (5, 1, 40, 240, 40),
    ]
    assert rows[-2:] == [(5, 1, 192, 1152, 192), (3, 1, 192, 1152, 320)]
    assert len(rows) == 16


def test_width_of_fcn8_is_moot() -> None:
    assert DecoderSpec(kind="fcn8", width=32) == DecoderSpec(kind="fcn8", width=64)
    assert DecoderSpec(kind="fcn8").levels_of(SEGMENTATION) == (32, 16, 8)


@pytest.mark.parametrize(
    ("channels", "ratio", "kept"),
    [
        (64, 0.0, 64),
        (64, 0.5, 32),
        (64, 0.25, 48),
        (64, 0.9, 8),
        (8, 0.9, 8),
        (16, 0.25, 16),  # 12 lies half-way between two multiples: the larger one
        (24, 0.5, 16),
        (12, 0.0, 12),
    ],
)
def test_kept_channels_are_multiples_of_eight(channels: int, ratio: float, kept: int) -> None:
    assert kept_channels(channels, ratio) == kept
