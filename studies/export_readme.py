"""The README of an exported network: what goes in, what comes out, and how to run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.budget import Budget
from nas.cost import Cost
from nas.data.batches import IMAGE_MEAN, IMAGE_STD
from nas.quantity import written
from nas.resolution import Resolution
from nas.tasks.task import Task
from search_spaces.architecture import Architecture
from studies.export_folder import ARCHITECTURE, MODEL, WEIGHTS

#: Metrics with a row: a segmentation has one a class, all of them in the study.
_MOST_METRICS = 24
_PREVIOUS, _NEXT = "previous.", "next."


@dataclass(frozen=True, kw_only=True)
class TensorShape:
    """Name and shape of an input or output of the graph."""

    name: str
    shape: tuple[int, ...]

    @property
    def cells(self) -> str:
        """Two cells of a table."""
        return f"`{self.name}` | {' × '.join(map(str, self.shape))}"


@dataclass(frozen=True, kw_only=True)
class Description:
    """All that the README tells. ``metrics`` are None for an untrained network."""

    architecture: Architecture
    resolution: Resolution
    cost: Cost
    tasks: Mapping[str, Task]
    inputs: Sequence[TensorShape]
    outputs: Sequence[TensorShape]
    features: Sequence[TensorShape]
    opset: int
    difference: float
    metrics: Mapping[str, Mapping[str, float]] | None = None
    budget: Budget | None = None
    latency_ms: float | None = None
    origin: str = ""


def readme(about: Description) -> str:
    """The whole document."""
    parts = [
        _opening(about),
        _inputs(about),
        _outputs(about),
        _usage(about),
        _metrics(about),
        _cost(about),
        _files(about),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(about: Description) -> str:
    names = ", ".join(shape.name for shape in about.outputs)
    origin = f", {about.origin}" if about.origin else ""
    trained = (
        ""
        if about.metrics is not None
        else "\n\n**Untrained:** the weights are random, outputs mean nothing."
    )
    return (
        f"# Network {about.architecture.id}\n\n"
        f"Predicts {names} from frames of {about.resolution} pixels{origin}. "
        f"Found by neurall-search.{trained}"
    )


def _inputs(about: Description) -> str:
    rows = [f"| {shape.cells} | {_input_meaning(shape)} |" for shape in about.inputs]
    mean, std = (", ".join(map(str, values)) for values in (IMAGE_MEAN, IMAGE_STD))
    return "\n".join(
        [
            "## Inputs",
            "",
            "| name | shape | meaning |",
            "|---|---|---|",
            *rows,
            "",
            "All are float32, `batch × channels × height × width`. The image is RGB, scaled to "
            "0..1, then normalized by channel: subtract the mean "
            f"({mean}), divide by the standard deviation ({std}).",
        ]
    )


def _input_meaning(shape: TensorShape) -> str:
    if not shape.name.startswith(_PREVIOUS):
        return "the current frame, normalized"
    return f"`{_NEXT}{shape.name.removeprefix(_PREVIOUS)}` of the frame before"


def _outputs(about: Description) -> str:
    rows = [f"| {shape.cells} | {about.tasks[shape.name].reading} |" for shape in about.outputs]
    rows += [f"| {shape.cells} | to be given with the next frame |" for shape in about.features]
    lists = [_classes(about.tasks[shape.name]) for shape in about.outputs]
    table = "\n".join(["## Outputs", "", "| name | shape | meaning |", "|---|---|---|", *rows])
    return "\n\n".join([table, *(text for text in lists if text)])


def _classes(task: Task) -> str:
    if not task.spec.classes:
        return ""
    names = ", ".join(f"{index} {name}" for index, name in enumerate(task.spec.classes))
    return f"Classes of `{task.spec.name}`: {names}."


def _usage(about: Description) -> str:
    image = about.inputs[0].name
    width, height = about.resolution.width, about.resolution.height
    mean, std = list(IMAGE_MEAN), list(IMAGE_STD)
    loop = f'{{"{image}": image, **features}}' if about.features else f'{{"{image}": image}}'
    lines = [
        "import numpy as np, onnxruntime",
        "from PIL import Image",
        "",
        f'session = onnxruntime.InferenceSession("{MODEL}")',
        "names = [output.name for output in session.get_outputs()]",
    ]
    if about.features:
        lines.append(
            "features = {i.name: np.zeros(i.shape, np.float32) for i in session.get_inputs()[1:]}"
        )
    lines += [
        'for path in ["frame0.png", "frame1.png"]:',
        f'    frame = Image.open(path).convert("RGB").resize(({width}, {height}))',
        f"    pixels = (np.asarray(frame, np.float32) / 255 - {mean}) / {std}",
        "    image = pixels.transpose(2, 0, 1)[None].astype(np.float32)",
        f"    outputs = dict(zip(names, session.run(names, {loop})))",
    ]
    if about.features:
        lines.append(
            f'    features = {{n: outputs["{_NEXT}" + n.removeprefix("{_PREVIOUS}")] '
            "for n in features}"
        )
    text = "\n".join(["## Run it", "", "```python", *lines, "```"])
    if about.features:
        text += (
            "\n\nThe features depend on their own frame only. The first frame of a stream has no "
            "frame before: run it once with zeros, then again with the features that came out."
        )
    return text


def _metrics(about: Description) -> str:
    if about.metrics is None:
        return ""
    rows = []
    for shape in about.outputs:
        known = {metric.name: metric for metric in about.tasks[shape.name].metrics}
        values = list(about.metrics.get(shape.name, {}).items())[:_MOST_METRICS]
        for name, value in values:
            metric = known.get(name)
            better = {"maximize": "higher", "minimize": "lower"}[
                metric.direction if metric else "maximize"
            ]
            unit = metric.unit if metric else "share"
            rows.append(f"| {shape.name} | {name} | {value:.4g} | {unit} | {better} |")
    if not rows:
        return ""
    return "\n".join(
        [
            "## Metrics on validation data",
            "",
            "| task | metric | value | unit | better |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def _cost(about: Description) -> str:
    cost = about.cost
    lines = [
        "## Cost",
        "",
        f"- {written('macs', cost.macs)} per frame ({cost.macs} multiply-accumulates of "
        f"convolutions) at {about.resolution}",
        f"- {written('params', cost.params)}",
        f"- {written('activation_bytes', cost.activation_bytes)} of activations at once (fp32)",
    ]
    if about.latency_ms is not None:
        lines.append(f"- {written('latency_ms', about.latency_ms)} on the machine of the search")
    if about.budget is not None and about.budget.bounds:
        lines.append(f"- budget: {about.budget.explain()}")
        share = about.budget.share(cost, about.latency_ms)
        if share is not None:
            lines.append(f"- takes {share:.0%} of the budget")
    return "\n".join(lines)


def _files(about: Description) -> str:
    return "\n".join(
        [
            "## Files",
            "",
            f"- `{MODEL}`: ONNX opset {about.opset}, batch 1, fixed sizes, weights inside. ONNX "
            f"Runtime gave the outputs of the network within {about.difference:.1e} of "
            "their largest value.",
            f"- `{ARCHITECTURE}`: the architecture, for neurall-search.",
            f'- `{WEIGHTS}`: the weights, for `studies.export.load_exported("FOLDER")` in Python.',
        ]
    )
