from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from torch import nn

from nas.budget import Budget
from nas.calibration import settle_on_noise
from nas.cost import cost_of
from nas.network import Network, build_network
from nas.resolution import Resolution
from nas.tasks.kinds import make_task
from nas.tasks.task import Task
from search_spaces.architecture import Architecture
from search_spaces.decoder_spec import DecoderSpec
from search_spaces.default_tasks import ALL_TASKS, DEFAULT_TASKS, SEGMENTATION
from search_spaces.encoder_spec import EncoderSpec
from search_spaces.sharing import Sharing
from search_spaces.synergy import SynergyLink
from studies import export as export_module
from studies.export import deployed_network, export, load_exported
from studies.export_folder import FILES, ExportError
from studies.onnx_model import OnnxRunner

NAMES = ("depth", "motion", "segmentation")
SIZE = Resolution(96, 64)
TASKS: Mapping[str, Task] = {spec.name: make_task(spec) for spec in DEFAULT_TASKS}
SMALL = Architecture(
    tasks=DEFAULT_TASKS,
    sharing=Sharing.shared(NAMES, 3),
    encoder=EncoderSpec(depth="resnet10", width=8),
    decoder=DecoderSpec(width=16),
    streams=2,
)


def _trained(architecture: Architecture, *, training: bool = False) -> Network:
    """As after training: statistics of data, moved scales and biases."""
    network = build_network(architecture, seed=1, training=training).train()
    settle_on_noise(network)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.2)
    return network


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return _trained(SMALL)


@pytest.fixture(scope="module")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "net"
    metrics = {name: {task.primary.name: 0.5} for name, task in TASKS.items()}
    export(
        network,
        folder,
        tasks=TASKS,
        resolution=SIZE,
        metrics=metrics,
        budget=Budget.parse(["30tops"]),
        trial=7,
        study="demo",
    )
    return folder


# --- what is written ----------------------------------------------------------------------------


def test_random_networks_export_with_equal_outputs_and_macs(
    small_architectures: Callable[[int], list[Architecture]], tmp_path: Path
) -> None:
    chosen = [
        next(a for a in small_architectures(40) if (a.decoder.kind, a.streams, a.fusion) == wanted)
        for wanted in (
            ("fpn", 1, "concat"),
            ("fcn8", 1, "concat"),
            ("fpn", 2, "recurrent"),
            ("fcn8", 2, "recurrent"),
            ("fpn", 2, "concat"),
            ("fcn8", 2, "concat"),
        )
    ] + [next(a for a in reversed(small_architectures(40)) if a.auxiliary)]
    for architecture in chosen:
        network = _trained(architecture, training=True)
        report = export(network, tmp_path / "net", tasks=TASKS, resolution=SIZE)
        assert report.graph_macs == cost_of(architecture, SIZE).macs
        assert report.max_relative_difference < 1e-4
        assert set(report.differences) >= set(NAMES) - set(architecture.auxiliary)


@pytest.mark.parametrize("number", range(3))
def test_networks_of_every_task_export_with_equal_outputs_and_macs(
    all_task_architectures: Callable[[int], list[Architecture]], tmp_path: Path, number: int
) -> None:
    architecture = all_task_architectures(3)[number]
    tasks = {spec.name: make_task(spec) for spec in ALL_TASKS}
    report = export(_trained(architecture), tmp_path / "net", tasks=tasks, resolution=SIZE)
    assert report.graph_macs == cost_of(architecture, SIZE).macs
    assert report.max_relative_difference < 1e-4
    assert set(report.differences) >= set(tasks)
    text = (tmp_path / "net" / "README.md").read_text()
    assert "decode_boxes" in text
    assert "| `odometry` | 1 × 6 |" in text


def test_the_folder_holds_four_files_and_the_model_is_one_of_them(exported: Path) -> None:
    assert sorted(path.name for path in exported.iterdir()) == sorted(FILES)
    model = onnx.load(exported / "model.onnx", load_external_data=False)
    assert not [t for t in model.graph.initializer if t.external_data]
    assert min(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")) >= 17
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        assert all(dim.dim_value > 0 for dim in value.type.tensor_type.shape.dim), value.name
    assert {"Conv", "Relu"} <= {node.op_type for node in model.graph.node}
    assert not {"BatchNormalization", "Identity", "If"} & {n.op_type for n in model.graph.node}


def test_inputs_and_outputs_have_readable_names(exported: Path) -> None:
    model = onnx.load(exported / "model.onnx")
    inputs = [value.name for value in model.graph.input]
    outputs = [value.name for value in model.graph.output]
    trunk = "encoder.depth+motion+segmentation"
    assert inputs[:3] == ["image", f"previous.{trunk}.layer1", f"previous.{trunk}.layer2"]
    assert outputs[:4] == [*NAMES, f"next.{trunk}.layer1"]
    assert [n.removeprefix("previous.") for n in inputs[1:]] == [
        n.removeprefix("next.") for n in outputs[3:]
    ]


def test_the_runtime_gives_what_the_network_gives_on_a_stream(
    network: Network, exported: Path
) -> None:
    runner = OnnxRunner(exported / "model.onnx")
    frames = torch.randn(1, 3, 3, SIZE.height, SIZE.width)
    deployed = deployed_network(network)
    with torch.no_grad():
        kept = {f"previous.{n}": x for n, x in deployed.features(frames[:, 2]).items()}
        for t in (1, 0):
            got = runner({"image": frames[:, t], **kept})
            wanted = deployed(frames[:, [t, t + 1]])
            for name in NAMES:
                torch.testing.assert_close(got[name], wanted[name], rtol=1e-3, atol=1e-3)
            kept = {k: got[k.replace("previous.", "next.")] for k in kept}


def test_the_folder_loads_back_without_pickle(network: Network, exported: Path) -> None:
    loaded = load_exported(exported)
    assert loaded.plan.architecture == SMALL
    frames = torch.randn(1, 2, 3, 64, 96)
    with torch.no_grad():
        got, wanted = loaded(frames), deployed_network(network)(frames)
    assert all(torch.equal(got[name], wanted[name]) for name in NAMES)
    assert Architecture.from_json((exported / "architecture.json").read_text()) == SMALL


def test_sides_that_are_no_multiple_of_32_are_padded_inside(
    network: Network, tmp_path: Path
) -> None:
    odd = Resolution(70, 50)
    report = export(network, tmp_path / "net", tasks=TASKS, resolution=odd)
    assert report.graph_macs == cost_of(SMALL, odd).macs
    model = onnx.load(tmp_path / "net" / "model.onnx")
    dims = [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim]
    assert dims == [1, 1, 50, 70]


def test_auxiliary_parts_are_gone_and_what_a_link_needs_stays(tmp_path: Path) -> None:
    link = SynergyLink(source="depth", target="motion", level=16)
    architecture = replace(SMALL, links=(link,), auxiliary=("depth",))
    trained = _trained(architecture, training=True)
    report = export(trained, tmp_path / "net", tasks=TASKS, resolution=SIZE)
    assert set(report.differences) & set(NAMES) == {"motion", "segmentation"}
    keys = load_exported(tmp_path / "net").state_dict().keys()
    assert "decoder.depth.level16.merge.0.weight" in keys
    assert not [
        key for key in keys if key.startswith(("decoder.depth.head", "decoder.depth.level4"))
    ]
    frames = torch.randn(1, 2, 3, 64, 96)
    with torch.no_grad():
        got, wanted = load_exported(tmp_path / "net")(frames), trained.eval()(frames)
    torch.testing.assert_close(got["motion"], wanted["motion"], rtol=1e-4, atol=1e-4)


def test_an_untrained_network_gets_statistics_that_keep_it_finite(tmp_path: Path) -> None:
    deep = replace(SMALL, encoder=EncoderSpec(depth="resnet34", width=8))
    network = build_network(deep)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    report = export(network, tmp_path / "net", tasks=TASKS, resolution=SIZE)
    assert report.max_absolute_difference < 1e-2
    assert "Untrained" in (tmp_path / "net" / "README.md").read_text()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_depthwise_convolutions_and_uneven_padding_are_exported_as_they_are(
    tmp_path: Path,
) -> None:
    lite = replace(SMALL, encoder=EncoderSpec(depth="efficientnet_lite0", width=8))
    report = export(_trained(lite), tmp_path / "net", tasks=TASKS, resolution=SIZE)
    assert report.graph_macs == report.cost.macs
    assert report.max_absolute_difference < 1e-3
    nodes = onnx.load(tmp_path / "net" / "model.onnx").graph.node
    assert not [node for node in nodes if node.op_type == "Pad"]  # zeros belong to the convolution
    stem = next(node for node in nodes if node.op_type == "Conv")
    assert next(list(a.ints) for a in stem.attribute if a.name == "pads") == [0, 0, 1, 1]


def test_the_exported_network_stays_as_it_was(network: Network, tmp_path: Path) -> None:
    network.train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    export(network, tmp_path / "net", tasks=TASKS, resolution=SIZE)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_task_may_be_called_image(tmp_path: Path) -> None:
    spec = replace(SEGMENTATION, name="image")
    architecture = Architecture(
        tasks=(spec,), sharing=Sharing.independent(("image",)), encoder=SMALL.encoder
    )
    export(
        _trained(architecture), tmp_path / "net", tasks={"image": make_task(spec)}, resolution=SIZE
    )
    model = onnx.load(tmp_path / "net" / "model.onnx")
    assert [v.name for v in model.graph.input] == ["frame"]
    assert [v.name for v in model.graph.output] == ["image"]


def test_nothing_is_printed(
    network: Network, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    steps: list[str] = []
    export(network, tmp_path / "net", tasks=TASKS, resolution=SIZE, progress=steps.append)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
    assert len(steps) == 4


# --- README -------------------------------------------------------------------------------------


def test_the_readme_tells_what_is_needed(exported: Path) -> None:
    text = (exported / "README.md").read_text()
    for words in (
        "trial 7 of study demo",
        "0.485, 0.456, 0.406",
        "0.229, 0.224, 0.225",
        "1 × 3 × 64 × 96",
        "1 × 10 × 64 × 96",
        "0 road, 1 lane_marking",
        "0 static, 1 moving",
        "unit: metre",
        "iou_moving | 0.5",
        "37.5 GMAC per frame",
        str(cost_of(SMALL, SIZE).macs),
    ):
        assert words in text, words
    assert "Untrained" not in text


@pytest.mark.parametrize("streams", [1, 2])
def test_the_readmes_example_runs_and_gives_the_networks_outputs(
    streams: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = _trained(replace(SMALL, streams=streams))
    export(network, tmp_path / "net", tasks=TASKS, resolution=SIZE)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, SIZE.height, SIZE.width, 3), dtype=np.uint8)
    for index, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / "net" / f"frame{index}.png")
    text = (tmp_path / "net" / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    assert len(code[1].strip().splitlines()) <= 13
    monkeypatch.chdir(tmp_path / "net")
    scope: dict[str, Mapping[str, np.ndarray]] = {}
    exec(code[1], scope)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    frames = ((torch.from_numpy(pixels) / 255 - mean) / std).permute(0, 3, 1, 2).flip(0)[None]
    with torch.no_grad():
        wanted = deployed_network(network)(frames[:, :streams])
    for name in NAMES:
        got = torch.from_numpy(scope["outputs"][name])
        torch.testing.assert_close(got, wanted[name], rtol=1e-3, atol=1e-3)


# --- what is refused ----------------------------------------------------------------------------


def test_a_previous_export_is_replaced_and_nothing_else_is(
    network: Network, exported: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a" / "net"
    export(network, out, tasks=TASKS, resolution=SIZE)
    (out / "README.md").write_text("old")
    export(network, out, tasks=TASKS, resolution=SIZE)
    assert (out / "README.md").read_text() != "old"
    assert [path.name for path in out.parent.iterdir()] == ["net"]
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"holds notes\.txt"):
        export(network, out, tasks=TASKS, resolution=SIZE)
    assert (out / "notes.txt").read_text() == "mine"


def test_an_empty_folder_is_filled(network: Network, tmp_path: Path) -> None:
    export(network, tmp_path, tasks=TASKS, resolution=SIZE)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("place", ["file", "file/net", "full", "link"])
def test_other_places_are_refused_before_any_work(
    place: str, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(export_module, "write_onnx", None)
    with pytest.raises(ExportError) as error:
        export(network, tmp_path / place, tasks=TASKS, resolution=SIZE)
    assert "\n" not in str(error.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("failing", ["graph_macs", "OnnxRunner", "load_exported"])
def test_a_check_that_fails_leaves_the_previous_export(
    failing: str, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "net"
    export(network, out, tasks=TASKS, resolution=SIZE)
    (out / "README.md").write_text("old")
    other = build_network(SMALL, seed=5).eval()
    wrong: dict[str, object] = {
        "graph_macs": lambda model: 1,
        "OnnxRunner": lambda path: _Scaled(path),
        "load_exported": lambda folder: other,
    }
    monkeypatch.setattr(export_module, failing, wrong[failing])
    with pytest.raises(ExportError, match="nothing was exported"):
        export(network, out, tasks=TASKS, resolution=SIZE)
    assert (out / "README.md").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


class _Scaled(OnnxRunner):
    """A runtime that is off by one percent."""

    def __call__(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: 1.01 * value for name, value in super().__call__(inputs).items()}


def test_a_diverged_network_is_refused(tmp_path: Path) -> None:
    network = _trained(SMALL)
    network.get_parameter("decoder.depth.head.score.bias").data.fill_(torch.nan)
    with pytest.raises(ExportError, match=r"decoder\.depth\.head\.score\.bias is not finite"):
        export(network, tmp_path / "net", tasks=TASKS, resolution=SIZE)
    network.get_parameter("decoder.depth.head.score.bias").data.zero_()
    network.get_parameter("decoder.segmentation.head.score.weight").data.fill_(3e38)
    with pytest.raises(ExportError, match="segmentation is not finite"):
        export(network, tmp_path / "net", tasks=TASKS, resolution=SIZE)
    assert not list(tmp_path.iterdir())


def test_every_output_needs_its_task(network: Network, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="motion"):
        export(
            network,
            tmp_path / "net",
            tasks={k: v for k, v in TASKS.items() if k != "motion"},
            resolution=SIZE,
        )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("architecture.json", None),
        ("architecture.json", "{"),
        ("architecture.json", json.dumps({"tasks": []})),
        ("weights.safetensors", None),
        ("weights.safetensors", "hello"),
    ],
)
def test_a_damaged_folder_names_its_file(
    name: str, text: str | None, exported: Path, tmp_path: Path
) -> None:
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(text)
    with pytest.raises(ExportError, match=name) as error:
        load_exported(tmp_path)
    assert "\n" not in str(error.value)


def test_weights_of_another_architecture_are_refused(exported: Path, tmp_path: Path) -> None:
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    wider = replace(SMALL, encoder=EncoderSpec(depth="resnet10", width=16))
    (tmp_path / "architecture.json").write_text(wider.to_json())
    with pytest.raises(ExportError, match=r"weights\.safetensors"):
        load_exported(tmp_path)
