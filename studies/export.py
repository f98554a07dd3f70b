"""Exports a network as a folder that a car's tool chain can take, and checks it before saying so.

``architecture.json``, ``weights.safetensors``, ``model.onnx`` and a ``README.md``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from nas.budget import Budget
from nas.calibration import is_untrained, settle_on_noise
from nas.compile import compile_plan
from nas.cost import DEPLOYMENT, Cost, cost_of
from nas.network import Network
from nas.resolution import Resolution
from nas.stored_weights import StoredWeightsError, stored_network
from nas.streaming import StreamingForm
from nas.tasks.task import Task
from search_spaces.architecture_file import read_architecture
from search_spaces.task_spec import ArchitectureError
from studies.export_folder import (
    ARCHITECTURE,
    MODEL,
    README,
    WEIGHTS,
    ExportError,
    check_destination,
    replaced_folder,
)
from studies.export_readme import Description, TensorShape, readme
from studies.onnx_graph import graph_macs
from studies.onnx_model import OPSET, OnnxRunner, write_onnx

#: Largest difference between ONNX Runtime and torch, over the largest value of the output.
#: fp32 sums in another order give 1e-6 to 2e-5 up to ResNet-34 and, in untrained ResNet-101s that
#: amplify it from block to block, 7e-4; torch is as far from fp64 as ONNX Runtime is. A wrong
#: graph is off by more than a percent.
TOLERANCE = 5e-3
_MACS_TOLERANCE = 1e-3

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far ONNX Runtime was off for one output: absolute, and over its largest value."""

    absolute: float
    relative: float


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What was written and found equal; ``differences`` by name of the graph's output."""

    folder: Path
    cost: Cost
    graph_macs: int
    differences: Mapping[str, Difference]
    model_bytes: int
    seconds: float

    @property
    def max_absolute_difference(self) -> float:
        """Over all outputs and features."""
        return max(difference.absolute for difference in self.differences.values())

    @property
    def max_relative_difference(self) -> float:
        """Over all outputs and features."""
        return max(difference.relative for difference in self.differences.values())


def export(
    network: Network,
    out: Path,
    *,
    tasks: Mapping[str, Task],
    resolution: Resolution = DEPLOYMENT,
    metrics: Mapping[str, Mapping[str, float]] | None = None,
    budget: Budget | None = None,
    latency_ms: float | None = None,
    trial: int | None = None,
    study: str = "",
    progress: Progress = lambda step: None,
) -> ExportReport:
    """Write the network that runs in the car to the folder ``out``, and check it.

    ``network`` may be trained or not, on any device, and may have auxiliary tasks: these are
    left behind. It stays as it was. ``tasks`` are the behaviours of all output tasks; ``metrics``
    their values by name, None for an untrained network. ``progress`` hears what is done next.

    A previous export in ``out`` is replaced, and only when all is written and equal: the outputs
    and features of ONNX Runtime on random frames, the graph's MACs, and the outputs of the
    network that the folder loads back into. Raises ``ExportError``.
    """
    start = time.perf_counter()
    check_destination(out)
    deployed = deployed_network(network)
    _check_tasks(deployed, tasks)
    origin = f"trial {trial} of study {study}" if study and trial is not None else ""
    with replaced_folder(out) as folder:
        exported = _Exported(folder=folder, network=deployed, resolution=resolution)
        progress("writing weights")
        exported.write_weights()
        progress("writing the ONNX graph")
        macs = exported.write_graph()
        progress("comparing with ONNX Runtime")
        differences = exported.compare_with_runtime()
        progress("loading the folder back")
        exported.compare_with_loaded()
        description = exported.description(tasks, metrics, budget, latency_ms, origin, differences)
        (folder / README).write_text(readme(description), encoding="utf-8")
        size = os.path.getsize(folder / MODEL)
    return ExportReport(
        folder=out,
        cost=exported.cost,
        graph_macs=macs,
        differences=differences,
        model_bytes=size,
        seconds=time.perf_counter() - start,
    )


def deployed_network(network: Network) -> Network:
    """A copy on the CPU in evaluation mode without auxiliary parts.

    A network that was never trained gets running statistics of noise. Raises ``ExportError``
    where weights are not finite.
    """
    deployed = Network(compile_plan(network.plan.architecture))
    state = network.state_dict()
    weights = {key: state[key].detach().cpu() for key in deployed.state_dict()}
    broken = next((k for k, v in weights.items() if not torch.isfinite(v).all()), None)
    if broken:
        raise ExportError(f"{broken} is not finite: training diverged, export another network")
    deployed.load_state_dict(weights)
    if is_untrained(deployed):
        settle_on_noise(deployed)
    return deployed.eval()


def load_exported(folder: Path) -> Network:
    """The network of an exported folder, in evaluation mode; reads no pickle.

    The folder may come from anywhere. Raises ``ExportError`` naming the file that is missing or
    damaged.
    """
    files = {name: Path(folder) / name for name in (ARCHITECTURE, WEIGHTS)}
    for file in files.values():  # a pipe of that name would keep its reader waiting
        if not file.is_file():
            raise ExportError(f"{file} cannot be read: it is no file")
    try:
        architecture = read_architecture(files[ARCHITECTURE])
    except (OSError, ArchitectureError) as error:
        raise ExportError(f"{files[ARCHITECTURE]} cannot be read: {_line(error)}") from None
    try:
        return stored_network(compile_plan(architecture), files[WEIGHTS]).eval()
    except (OSError, StoredWeightsError) as error:
        raise ExportError(f"{files[WEIGHTS]} cannot be read: {_line(error)}") from None


@dataclass(frozen=True, kw_only=True)
class _Exported:
    """An export under way: each step writes a file or compares what was written."""

    folder: Path
    network: Network
    resolution: Resolution

    @property
    def cost(self) -> Cost:
        return cost_of(self.network.plan.architecture, self.resolution)

    @property
    def form(self) -> StreamingForm:
        return StreamingForm(self.network).eval()

    @property
    def input_names(self) -> list[str]:
        """The image has another name where a task is called so."""
        image = "frame" if "image" in self.network.plan.outputs else "image"
        return [image, *(f"previous.{name}" for name in self.network.plan.features)]

    @property
    def output_names(self) -> list[str]:
        return [
            *self.network.plan.outputs,
            *(f"next.{name}" for name in self.network.plan.features),
        ]

    @cached_property
    def given(self) -> dict[str, Tensor]:
        """A random frame, and the features that the network has of another one."""
        values = self.form.random_inputs(self.resolution, torch.Generator().manual_seed(0))
        return dict(zip(self.input_names, values, strict=True))

    @cached_property
    def wanted(self) -> dict[str, Tensor]:
        """What the network makes of ``given``."""
        outputs = self._run(self.network, self.given)
        broken = next((n for n, value in outputs.items() if not torch.isfinite(value).all()), None)
        if broken:
            raise ExportError(
                f"{broken} is not finite on random frames: training diverged, export another "
                "network"
            )
        return outputs

    def write_weights(self) -> None:
        text = self.network.plan.architecture.to_json()
        (self.folder / ARCHITECTURE).write_text(text, encoding="utf-8")
        weights = {key: value.contiguous() for key, value in self.network.state_dict().items()}
        (self.folder / WEIGHTS).write_bytes(save(weights, metadata={"format": "pt"}))

    def write_graph(self) -> int:
        """MACs of the graph, which are the counted ones."""
        model = write_onnx(
            self.form,
            list(self.given.values()),
            self.folder / MODEL,
            input_names=self.input_names,
            output_names=self.output_names,
        )
        try:
            macs = graph_macs(model)
        except ValueError as error:
            raise ExportError(f"the ONNX graph cannot be counted: {error}") from None
        if abs(macs - self.cost.macs) > _MACS_TOLERANCE * self.cost.macs:
            raise ExportError(
                f"the ONNX graph has {macs} MACs, the architecture {self.cost.macs}: "
                "nothing was exported, please report this architecture"
            )
        return macs

    def compare_with_runtime(self) -> dict[str, Difference]:
        """Largest difference of each output over a stream of two random frames."""
        runner = OnnxRunner(self.folder / MODEL)
        generator = torch.Generator().manual_seed(1)
        got = runner(self.given)
        wanted = self.wanted
        differences = {name: _difference(name, got[name], wanted[name]) for name in wanted}
        if self.network.plan.features:
            frame = torch.randn(self.given[self.input_names[0]].shape, generator=generator)
            got, wanted = (
                runner(self._next(frame, got)),
                self._run(self.network, self._next(frame, wanted)),
            )
            for name, first in differences.items():
                second = _difference(name, got[name], wanted[name])
                differences[name] = max(first, second, key=lambda d: d.relative)
        return differences

    def compare_with_loaded(self) -> None:
        """The folder's network is this one, to the last bit."""
        got = self._run(load_exported(self.folder), self.given)
        for name, value in self.wanted.items():
            if not torch.equal(got[name], value):
                raise ExportError(f"{name} differs after loading the folder: nothing was exported")

    def _run(self, network: Network, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        with torch.inference_mode():
            values = StreamingForm(network)(*given.values())
        return dict(zip(self.output_names, values, strict=True))

    def _next(self, frame: Tensor, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Inputs of the next frame."""
        kept = {f"previous.{n}": outputs[f"next.{n}"] for n in self.network.plan.features}
        return {self.input_names[0]: frame, **kept}

    def description(
        self,
        tasks: Mapping[str, Task],
        metrics: Mapping[str, Mapping[str, float]] | None,
        budget: Budget | None,
        latency_ms: float | None,
        origin: str,
        differences: Mapping[str, Difference],
    ) -> Description:
        plan, size = self.network.plan, self.resolution
        shapes = self.form.input_shapes(size)
        inputs = [
            TensorShape(name=n, shape=s) for n, s in zip(self.input_names, shapes, strict=True)
        ]
        outputs = [
            TensorShape(name=name, shape=tuple(self.wanted[name].shape)) for name in plan.outputs
        ]
        features = [
            TensorShape(name=f"next.{n}", shape=s)
            for n, s in zip(plan.features, shapes[1:], strict=True)
        ]
        return Description(
            architecture=plan.architecture,
            resolution=size,
            cost=self.cost,
            tasks=tasks,
            inputs=inputs,
            outputs=outputs,
            features=features,
            opset=OPSET,
            difference=max(d.relative for d in differences.values()),
            metrics=metrics,
            budget=budget,
            latency_ms=latency_ms,
            origin=origin,
        )


def _difference(name: str, got: Tensor, wanted: Tensor) -> Difference:
    if got.shape != wanted.shape:
        raise ExportError(
            f"ONNX Runtime gives {name} of shape {tuple(got.shape)}, the network "
            f"{tuple(wanted.shape)}: nothing was exported"
        )
    absolute = float((got - wanted).abs().max())
    scale = float(wanted.abs().max())
    relative = absolute / scale if scale else absolute
    if not relative <= TOLERANCE:  # also where it is not a number
        raise ExportError(
            f"ONNX Runtime differs from the network by {relative:.1e} of the largest value of "
            f"{name}, allowed is {TOLERANCE:.0e}: nothing was exported"
        )
    return Difference(absolute=absolute, relative=relative)


def _check_tasks(network: Network, tasks: Mapping[str, Task]) -> None:
    missing = [name for name in network.plan.outputs if name not in tasks]
    if missing:
        raise ExportError(f"tasks has no {', '.join(missing)}: give the behaviour of every output")


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
