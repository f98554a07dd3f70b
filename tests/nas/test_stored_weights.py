from __future__ import annotations

import json
import resource
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor

from nas.compile import compile_plan
from nas.network import Network, build_network
from nas.stored_weights import StoredWeightsError, most_weight_bytes, stored_network
from search_spaces.default_tasks import SEGMENTATION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.presets import preset

_ARCHITECTURE = preset("shared", (SEGMENTATION,))
_PLAN = compile_plan(_ARCHITECTURE)


@pytest.fixture(scope="module")
def network() -> Network:
    return build_network(_ARCHITECTURE, seed=3).eval()


def test_the_network_comes_back_from_a_file_and_from_its_content(
    network: Network, tmp_path: Path
) -> None:
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    frames = torch.randn(1, 1, 3, 32, 64)
    for weights in (tmp_path / "a.safetensors", (tmp_path / "a.safetensors").read_bytes()):
        again = stored_network(_PLAN, weights).eval()
        with torch.no_grad():
            assert torch.equal(again(frames)["segmentation"], network(frames)["segmentation"])
        assert all(parameter.requires_grad for parameter in again.parameters())


_KEY = "encoder.segmentation.conv1.weight"


def _without(state: dict[str, Tensor]) -> None:
    del state[_KEY]


def _reshaped(state: dict[str, Tensor]) -> None:
    state[_KEY] = state[_KEY].flatten()


def _halved(state: dict[str, Tensor]) -> None:
    state[_KEY] = state[_KEY].half()


def _with_stranger(state: dict[str, Tensor]) -> None:
    state["\x1b[2J"] = torch.zeros(1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without, f"{_KEY} is missing"),
        (_reshaped, r"is \(4704,\) of torch.float32, the network has \(32, 3, 7, 7\)"),
        (_halved, "of torch.float16, the network has"),
        (_with_stranger, "�\\[2J is no part of the network"),
    ],
)
def test_weights_that_are_not_the_plans_are_refused(
    damage: Callable[[dict[str, Tensor]], None], message: str, network: Network
) -> None:
    state = dict(network.state_dict())
    damage(state)
    with pytest.raises(StoredWeightsError, match=message):
        stored_network(_PLAN, save(state))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 100) + b"[" * 100,
    ],
)
def test_what_is_no_file_of_weights_is_refused(content: bytes) -> None:
    with pytest.raises(StoredWeightsError):
        stored_network(_PLAN, content)


def _content(header: dict[str, object], data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2**63, 2**63], "data_offsets": [0, 4]},
        {"dtype": "F8_E8M0", "shape": [4], "data_offsets": [0, 4]},
    ],
)
def test_a_header_that_promises_what_the_file_does_not_hold(entry: dict[str, object]) -> None:
    with pytest.raises(StoredWeightsError):
        stored_network(_PLAN, _content({_KEY: entry}, b"\0" * 4))


def test_a_file_larger_than_the_network_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    with file.open("wb") as handle:
        handle.truncate(10**12)  # sparse: takes no room
    most = most_weight_bytes(_PLAN)
    with pytest.raises(StoredWeightsError, match=f"10{'0' * 11} bytes, .* at most {most}"):
        stored_network(_PLAN, file)


def test_a_network_far_larger_than_the_memory_takes_none() -> None:
    """32 encoders of 2.7 billion weights each, described in 20 kB."""
    tasks = tuple(replace(SEGMENTATION, name=f"t{index}") for index in range(32))
    huge = replace(preset("independent", tasks), encoder=EncoderSpec(depth="resnet101", width=512))
    before = _peak_bytes()
    with pytest.raises(StoredWeightsError, match="is missing"):
        stored_network(compile_plan(huge), save({"x": torch.zeros(1)}))
    assert _peak_bytes() - before < 500 * 2**20


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
