from __future__ import annotations

import torch
from torch import nn

from nas.compile import compile_plan
from nas.decoder import FCN8Level, FPNLevel, decoder_level
from nas.head import Head, PixelHead
from nas.initialization import initialize
from nas.network import Network, build_network
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import DEFAULT_TASKS, DEPTH, SEGMENTATION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import shared
from search_spaces.sharing import Sharing
from search_spaces.vocabulary import DecoderKind


def _network(kind: DecoderKind) -> Network:
    return build_network(
        Architecture(
            tasks=(SEGMENTATION, DEPTH),
            sharing=Sharing.shared(("depth", "segmentation")),
            encoder=EncoderSpec(depth="resnet10", width=8),
            decoder=DecoderSpec(kind=kind, width=16),
        )
    ).eval()


def _level(network: Network, stride: int, task: str = "segmentation") -> nn.Module:
    level = decoder_level(network.plan.by_name[f"decoder.{task}.level{stride}"])
    initialize(level, 0)
    return level


def test_a_pyramid_level_adds_the_coarser_one_repeated_to_twice_its_sides() -> None:
    level = _level(_network("fpn"), 8).eval()
    assert isinstance(level, FPNLevel)
    features, coarser = torch.randn(2, 16, 4, 6), torch.rand(2, 16, 2, 3)
    repeated = coarser.repeat_interleave(2, 2).repeat_interleave(2, 3)
    with torch.no_grad():
        wanted = level.merge(level.lateral(features) + repeated)
        torch.testing.assert_close(level(features, coarser), wanted)
        assert level(features, coarser).shape == (2, 16, 4, 6)
        assert not torch.allclose(level(features, None), wanted)


def test_fcn8_adds_learned_upsampling_of_coarser_scores() -> None:
    level = _level(_network("fcn8"), 16)
    assert isinstance(level, FCN8Level)
    assert level.up is not None
    features, coarser = torch.randn(2, 32, 4, 6), torch.randn(2, 10, 2, 3)
    with torch.no_grad():
        got = level(features, coarser)
        torch.testing.assert_close(got, level.score(features) + level.up(coarser))
    assert got.shape == (2, 10, 4, 6)


def test_fcn8_has_three_levels_and_eightfold_upsampling() -> None:
    plan = _network("fcn8").plan
    assert [n.stride for n in plan.nodes if n.kind == "level" and n.owners == ("depth",)] == [
        32,
        16,
        8,
    ]
    layer = plan.by_name["decoder.depth.head"].layers[0]
    assert (layer.kind, layer.kernel, layer.stride) == ("deconv", 16, 8)


def test_fcn8s_upsampling_begins_as_bilinear_interpolation() -> None:
    network = _network("fcn8")
    head = network.get_submodule("decoder.segmentation.head")
    scores = torch.randn(1, 10, 4, 6)
    wanted = nn.functional.interpolate(scores, scale_factor=8.0, mode="bilinear")
    with torch.no_grad():
        got = head(scores)
    inside = (..., slice(8, -8), slice(8, -8))
    torch.testing.assert_close(got[inside], wanted[inside], rtol=1e-4, atol=1e-4)


def test_a_positive_output_is_the_exponential_of_the_interpolated_score() -> None:
    network = _network("fpn")
    node = network.plan.by_name["decoder.depth.head"]
    positive, plain = PixelHead(node, positive=True), PixelHead(node, positive=False)
    plain.load_state_dict(positive.state_dict())
    x = torch.randn(1, 16, 4, 6)
    with torch.no_grad():
        torch.testing.assert_close(positive(x), plain(x).exp())
        assert positive(x).min() > 0
        assert positive(x).shape == (1, 1, 16, 24)


def test_heads_give_fp32_also_under_autocast() -> None:
    network = _network("fpn")
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = network(torch.randn(1, 1, 3, 64, 64))
    assert {output.dtype for output in outputs.values()} == {torch.float32}


def test_depth_begins_near_what_the_bias_says() -> None:
    network = _network("fpn")
    head = network.get_submodule("decoder.depth.head")
    assert isinstance(head, Head)
    assert head.score.bias is not None
    nn.init.constant_(head.score.bias, 2.0)
    with torch.no_grad():
        depth = network(torch.randn(1, 1, 3, 64, 64))["depth"]
    torch.testing.assert_close(depth.log().mean(), torch.tensor(2.0), rtol=0, atol=0.3)


def test_positive_outputs_stay_finite_on_frames_unlike_any_seen() -> None:
    plan = compile_plan(shared(DEFAULT_TASKS))
    head = PixelHead(next(n for n in plan.nodes if n.name == "decoder.depth.head"), positive=True)
    with torch.no_grad():
        head.score.weight.fill_(1e6)
        outputs = [head(sign * torch.ones(1, 64, 8, 8)) for sign in (-1, 1)]
    assert all(torch.isfinite(output).all() and (output > 0).all() for output in outputs)
