from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nas.network import build_network
from nas.trunk_weights import TrunkWeightsError, load_trunk_weights, read_trunk_weights
from search_spaces.architecture import Architecture
from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.feature_maps import Augmentation
from search_spaces.filter_ratios import FilterRatio
from search_spaces.sharing import Sharing

NAMES = ("depth", "motion", "segmentation")
SHARED = Architecture(
    tasks=DEFAULT_TASKS,
    sharing=Sharing.shared(NAMES),
    encoder=EncoderSpec(depth="resnet18", width=64),
)


def _published(blocks: tuple[int, ...], expansion: int, width: int = 64) -> dict[str, Tensor]:
    """A state dict as it is usually published, by hand."""
    generator = torch.Generator().manual_seed(0)
    values: dict[str, Tensor] = {}

    def conv(name: str, cout: int, cin: int, kernel: int) -> None:
        values[f"{name}.weight"] = torch.randn(cout, cin, kernel, kernel, generator=generator)

    def norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            values[f"{name}.{part}"] = torch.rand(channels, generator=generator)
        values[f"{name}.num_batches_tracked"] = torch.tensor(7)

    conv("conv1", width, 3, 7)
    norm("bn1", width)
    before = width
    for stage, count in enumerate(blocks):
        planes = width << stage
        after = planes * expansion
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            shapes = (
                [(planes, before, 3), (after, planes, 3)]
                if expansion == 1
                else [(planes, before, 1), (planes, planes, 3), (after, planes, 1)]
            )
            for index, (cout, cin, kernel) in enumerate(shapes, 1):
                conv(f"{name}.conv{index}", cout, cin, kernel)
                norm(f"{name}.bn{index}", cout)
            if block == 0 and (stage or after != before):
                conv(f"{name}.downsample.0", after, before, 1)
                norm(f"{name}.downsample.1", after)
            before = after
    values["fc.weight"] = torch.randn(1000, before, generator=generator)
    values["fc.bias"] = torch.randn(1000, generator=generator)
    return values


@pytest.fixture(scope="module")
def resnet18() -> dict[str, Tensor]:
    return _published((2, 2, 2, 2), 1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, resnet18: dict[str, Tensor]) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(resnet18, path)
    return path


def _assert_loaded(got: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    assert got
    for key, value in got.items():
        assert torch.equal(value, wanted[key]), key


def test_a_whole_resnet18_loads(file: Path, resnet18: dict[str, Tensor]) -> None:
    network = build_network(SHARED)
    load_trunk_weights(network, file)
    got = network.trunk.state_dict()
    assert set(got) == {key for key in resnet18 if not key.startswith("fc.")}
    _assert_loaded(got, resnet18)


def test_a_whole_resnet50_loads_from_a_pth_file(tmp_path: Path) -> None:
    weights = _published((3, 4, 6, 3), 4)
    torch.save({f"module.{key}": value for key, value in weights.items()}, tmp_path / "r.pth")
    network = build_network(replace(SHARED, encoder=EncoderSpec(depth="resnet50", width=64)))
    load_trunk_weights(network, tmp_path / "r.pth")
    _assert_loaded(network.trunk.state_dict(), weights)


def test_every_branch_gets_the_stages_that_it_has(file: Path, resnet18: dict[str, Tensor]) -> None:
    network = build_network(replace(SHARED, sharing=Sharing.shared(NAMES, 2)))
    load_trunk_weights(network, file)
    assert len(network.encoder) == 4
    for part in network.encoder.values():
        _assert_loaded(part.state_dict(), resnet18)


def test_counters_of_batches_may_be_missing(tmp_path: Path, resnet18: dict[str, Tensor]) -> None:
    old = {k: v for k, v in resnet18.items() if not k.endswith("num_batches_tracked")}
    save_file(old, tmp_path / "old.safetensors")
    network = build_network(SHARED)
    load_trunk_weights(network, tmp_path / "old.safetensors")
    assert torch.equal(network.trunk.conv1.weight, resnet18["conv1.weight"])


@pytest.mark.parametrize("stage", [0, 2])
def test_inputs_from_augmented_maps_keep_their_own_weights(
    stage: int, file: Path, resnet18: dict[str, Tensor]
) -> None:
    architecture = replace(
        SHARED,
        sharing=Sharing.shared(NAMES, stage + 1),
        augmentations=(Augmentation(task="motion", stage=stage, channels=16),),
    )
    network = build_network(architecture)
    key = f"layer{stage + 1}.0.conv1.weight"
    part = network.encoder["motion"]
    before = part.state_dict()[key].clone()
    load_trunk_weights(network, file)
    after = part.state_dict()[key]
    shared = resnet18[key].shape[1]
    assert torch.equal(after[:, :shared], resnet18[key])
    assert torch.equal(after[:, shared:], before[:, shared:])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"encoder": EncoderSpec(depth="resnet18", width=32)}, "width 32"),
        ({"encoder": EncoderSpec(depth="resnet34", width=64)}, "has no layer1.2"),
        ({"encoder": EncoderSpec(depth="resnet10", width=64)}, r"holds layer1\.1"),
        (
            {"pruning": tuple(FilterRatio(task=n, part="shared", ratio=0.5) for n in NAMES)},
            "before pruning",
        ),
    ],
)
def test_weights_of_another_encoder_are_refused_and_change_nothing(
    changes: dict[str, object], expected: str, file: Path
) -> None:
    network = build_network(replace(SHARED, **changes))  # type: ignore[arg-type]
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(TrunkWeightsError, match=expected) as error:
        load_trunk_weights(network, file)
    assert "\n" not in str(error.value)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("evil",)


def test_files_that_are_no_plain_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("hello")
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "weights.onnx").write_text("hello")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"state_dict": _Evil()}, tmp_path / "evil.pth")
    network = build_network(replace(SHARED, encoder=EncoderSpec(depth="resnet18", width=8)))
    names = [path.name for path in tmp_path.iterdir()]
    for name in [*names, "missing.pth", "."]:
        with pytest.raises(TrunkWeightsError) as error:
            load_trunk_weights(network, tmp_path / name)
        assert "\n" not in str(error.value)
    assert not Path("evil").exists()


def test_an_archive_that_grows_when_it_is_unpacked_is_refused(
    tmp_path: Path, resnet18: dict[str, Tensor]
) -> None:
    """50 kB that would become 50 MB."""
    torch.save(
        {key: torch.zeros_like(value) for key, value in resnet18.items()}, tmp_path / "a.pth"
    )
    with (
        ZipFile(tmp_path / "a.pth") as plain,
        ZipFile(tmp_path / "packed.pth", "w", ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(TrunkWeightsError, match=r"is compressed, torch\.save does not do so"):
        read_trunk_weights(tmp_path / "packed.pth")


def test_a_file_larger_than_any_encoder_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "a.safetensors").open("wb") as handle:
        handle.truncate(2**40)  # sparse: takes no room
    with pytest.raises(TrunkWeightsError, match="has 1099511627776 bytes, at most"):
        read_trunk_weights(tmp_path / "a.safetensors")


@pytest.mark.parametrize("value", [torch.zeros(3, device="meta"), torch.zeros(3).to_sparse()])
def test_only_plain_tensors_are_weights(tmp_path: Path, value: Tensor) -> None:
    torch.save({"conv1.weight": value}, tmp_path / "a.pth")
    with pytest.raises(TrunkWeightsError, match=r"no state dict|plain weights"):
        read_trunk_weights(tmp_path / "a.pth")
