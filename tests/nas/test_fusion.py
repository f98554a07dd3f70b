from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from nas.compile import compile_plan
from nas.fusion import RecurrentFusion
from nas.initialization import initialize
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import MOTION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.sharing import Sharing

ARCHITECTURE = Architecture(
    tasks=(MOTION,),
    sharing=Sharing.independent(("motion",)),
    encoder=EncoderSpec(depth="resnet10", width=8),
    streams=2,
    fusion="recurrent",
)


@pytest.fixture
def unit() -> RecurrentFusion:
    torch.manual_seed(0)
    fusion = RecurrentFusion(compile_plan(ARCHITECTURE).by_name["fusion.motion.layer1"])
    initialize(fusion, 0)
    return fusion


@pytest.fixture
def maps() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    current, previous = torch.randn(2, 2, 8, 4, 6, generator=generator)
    return current, previous


def _times(convolution: nn.Module, x: Tensor) -> Tensor:
    weight = convolution.get_parameter("weight")[:, :, 0, 0]
    return (
        torch.einsum("oc,bchw->bohw", weight, x) + convolution.get_parameter("bias")[:, None, None]
    )


def test_the_unit_is_its_equation(unit: RecurrentFusion, maps: tuple[Tensor, Tensor]) -> None:
    current, previous = maps
    both = torch.cat([current, previous], dim=1)
    z = torch.sigmoid(_times(unit.gate, both))
    wanted = (1 - z) * previous + z * _times(unit.candidate, both).clamp(min=0)
    torch.testing.assert_close(unit(current, previous), wanted)


def test_a_closed_gate_keeps_the_previous_frame(
    unit: RecurrentFusion, maps: tuple[Tensor, Tensor]
) -> None:
    current, previous = maps
    nn.init.zeros_(unit.gate.weight)
    assert unit.gate.bias is not None
    nn.init.constant_(unit.gate.bias, -50.0)
    torch.testing.assert_close(unit(current, previous), previous)


def test_only_two_streams_with_recurrent_fusion_have_a_unit() -> None:
    def units(architecture: Architecture) -> int:
        return sum(node.kind == "fusion" for node in compile_plan(architecture).nodes)

    assert units(ARCHITECTURE) == 4
    assert units(replace(ARCHITECTURE, fusion="concat")) == 0
    assert units(replace(ARCHITECTURE, streams=1)) == 0
