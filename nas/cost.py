"""Exact cost of a plan, by arithmetic alone: MACs, parameters, activation bytes.

``macs`` are multiply-accumulates per frame of convolutions and transposed convolutions at the
deployment resolution, streaming: the encoder runs once a frame. Normalisation, activations and
resampling are not counted, as in the tables of the ResNet paper.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from nas.compile import compile_plan
from nas.plan import Layer, Node, Plan
from nas.resolution import Resolution
from search_spaces.architecture import Architecture

DEPLOYMENT = Resolution(1024, 512)
_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a network costs per frame.

    ``macs_by_task`` and ``params_by_task`` split the totals by the set of tasks that need the
    work, names joined by ``+``: what stands under one name is that task's own.
    ``activation_bytes`` is the peak of feature maps held at once, fp32, batch 1.
    """

    macs: int
    params: int
    activation_bytes: int
    macs_by_task: dict[str, int] = field(compare=False)
    params_by_task: dict[str, int] = field(compare=False)


@lru_cache(maxsize=8192)
def cost_of(architecture: Architecture, resolution: Resolution = DEPLOYMENT) -> Cost:
    """Cost of the network that an architecture becomes at inference."""
    return plan_cost(compile_plan(architecture), resolution)


def plan_cost(plan: Plan, resolution: Resolution = DEPLOYMENT) -> Cost:
    """Cost of a plan at a deployment resolution (sides padded to 32 pixels)."""
    macs: dict[str, int] = {}
    params: dict[str, int] = {}
    for node in plan.nodes:
        readers = "+".join(node.readers)
        macs[readers] = macs.get(readers, 0) + node_macs(node, resolution)
        params[readers] = params.get(readers, 0) + node_params(node)
    return Cost(
        macs=sum(macs.values()),
        params=sum(params.values()),
        activation_bytes=peak_activation_bytes(plan, resolution),
        macs_by_task=dict(sorted(macs.items())),
        params_by_task=dict(sorted(params.items())),
    )


def node_macs(node: Node, resolution: Resolution) -> int:
    """Multiply-accumulates of a node for one frame."""
    return sum(layer_macs(layer, resolution) for layer in node.layers)


def layer_macs(layer: Layer, resolution: Resolution) -> int:
    """Weights times the positions at which the kernel is applied.

    A convolution applies it at every output position, a transposed one at every input position.
    """
    stride = layer.output_stride * (layer.stride if layer.kind == "deconv" else 1)
    return layer.weights * _positions(resolution, stride)


def node_params(node: Node) -> int:
    """Learned numbers: kernels, biases, and scale and shift of each normalisation."""
    return sum(
        layer.weights + layer.out_channels * (layer.bias + 2 * layer.norm) for layer in node.layers
    )


def peak_activation_bytes(plan: Plan, resolution: Resolution) -> int:
    """Peak of the feature maps alive at once when nodes run in order, fp32, batch 1, streaming.

    A node holds, on top of what later nodes still read, the largest input and output of one of
    its layers. The kept features of the previous frame are alive from the start.
    """
    kept = sum(
        channels * _positions(resolution, plan.by_name[name].stride)
        for name, channels in plan.feature_channels.items()
    )
    alive: dict[str, int] = {}
    peak = 0
    for index, node in enumerate(plan.nodes):
        peak = max(peak, kept + sum(alive.values()) + _working_set(node, resolution))
        alive[node.name] = node.channels * _positions(resolution, node.stride)
        peak = max(peak, kept + sum(alive.values()))
        alive = {
            name: size
            for name, size in alive.items()
            if plan.last_reads[name] > index
            or name in plan.features
            or plan.by_name[name].kind == "head"
        }
    return peak * _BYTES


def _working_set(node: Node, resolution: Resolution) -> int:
    return max(
        layer.in_channels * _positions(resolution, _input_stride(layer))
        + layer.out_channels * _positions(resolution, layer.output_stride)
        for layer in node.layers
    )


def _input_stride(layer: Layer) -> int:
    if not layer.output_stride:
        return 0
    if layer.kind == "deconv":
        return layer.output_stride * layer.stride
    return max(1, layer.output_stride // layer.stride)


@lru_cache(maxsize=1024)
def _positions(resolution: Resolution, stride: int) -> int:
    """Positions of a map of that output stride; one where a vector stands for the whole frame."""
    if not stride:
        return 1
    padded = resolution.padded
    return (padded.width // stride) * (padded.height // stride)
