from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nas.compile import compile_plan
from nas.link import Link
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import DEPTH, SEGMENTATION
from search_spaces.filter_ratios import FilterRatio
from search_spaces.sharing import Sharing
from search_spaces.synergy import SynergyLink
from search_spaces.vocabulary import LinkOperation


def _link(operation: LinkOperation) -> Link:
    """From depth's 8 channels into segmentation's 16."""
    architecture = Architecture(
        tasks=(SEGMENTATION, DEPTH),
        sharing=Sharing.shared(("depth", "segmentation")),
        decoder=DecoderSpec(width=16),
        links=(SynergyLink(source="depth", target="segmentation", level=8, operation=operation),),
        pruning=(FilterRatio(task="depth", part="decoder", ratio=0.5),),
    )
    return Link(compile_plan(architecture).by_name["link.depth>segmentation.level8"])


@pytest.fixture
def maps() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(2, 16, 4, 6, generator=generator),
        torch.randn(2, 8, 4, 6, generator=generator),
    )


def _matrix(convolution: nn.Module) -> tuple[Tensor, Tensor]:
    return convolution.get_parameter("weight")[:, :, 0, 0], convolution.get_parameter("bias")


def _times(convolution: nn.Module, x: Tensor) -> Tensor:
    """The 1×1 convolution as a matrix product at every pixel."""
    weight, bias = _matrix(convolution)
    return torch.einsum("oc,bchw->bohw", weight, x) + bias[:, None, None]


def test_add_is_target_plus_projection(maps: tuple[Tensor, Tensor]) -> None:
    link, (target, source) = _link("add"), maps
    torch.testing.assert_close(link(target, source), target + _times(link.projection, source))


def test_gate_is_target_times_twice_a_sigmoid(maps: tuple[Tensor, Tensor]) -> None:
    link, (target, source) = _link("gate"), maps
    wanted = target * 2 / (1 + torch.exp(-_times(link.projection, source)))
    torch.testing.assert_close(link(target, source), wanted)


def test_concat_mixes_target_and_projection(maps: tuple[Tensor, Tensor]) -> None:
    link, (target, source) = _link("concat"), maps
    assert link.mix is not None
    both = torch.cat([target, _times(link.projection, source)], dim=1)
    torch.testing.assert_close(link(target, source), _times(link.mix, both))


@pytest.mark.parametrize("operation", ["add", "gate"])
def test_a_zero_projection_changes_nothing(
    operation: LinkOperation, maps: tuple[Tensor, Tensor]
) -> None:
    link, (target, source) = _link(operation), maps
    nn.init.zeros_(link.projection.weight)
    assert link.projection.bias is not None
    nn.init.zeros_(link.projection.bias)
    torch.testing.assert_close(link(target, source), target)
