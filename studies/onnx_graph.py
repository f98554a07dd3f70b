"""MACs of an ONNX graph, counted from the graph alone: what the export is checked against."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import onnx

_Shapes = Mapping[str, tuple[int, ...]]


def graph_macs(model: onnx.ModelProto) -> int:
    """Multiply-accumulates of one run: Conv, ConvTranspose, Gemm and MatMul, nothing else.

    Needs static shapes; raises ``ValueError`` naming a tensor that has none.
    """
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes = _shapes(inferred.graph)
    return sum(
        _COUNTERS[node.op_type](node, shapes)
        for node in inferred.graph.node
        if node.op_type in _COUNTERS
    )


def _conv(node: onnx.NodeProto, shapes: _Shapes) -> int:
    """Output positions times the kernel: weights are ``(out, in / groups, *kernel)``."""
    batch, _, *positions = _shape(shapes, node.output[0])
    return batch * math.prod(positions) * math.prod(_shape(shapes, node.input[1]))


def _transposed(node: onnx.NodeProto, shapes: _Shapes) -> int:
    """Input positions times the kernel: weights are ``(in, out / groups, *kernel)``."""
    batch, _, *positions = _shape(shapes, node.input[0])
    return batch * math.prod(positions) * math.prod(_shape(shapes, node.input[1]))


def _gemm(node: onnx.NodeProto, shapes: _Shapes) -> int:
    first = _shape(shapes, node.input[0])
    flipped = any(a.name == "transA" and a.i for a in node.attribute)
    return first[0 if flipped else 1] * math.prod(_shape(shapes, node.output[0]))


def _matmul(node: onnx.NodeProto, shapes: _Shapes) -> int:
    return _shape(shapes, node.input[0])[-1] * math.prod(_shape(shapes, node.output[0]))


_COUNTERS: Mapping[str, Callable[[onnx.NodeProto, _Shapes], int]] = {
    "Conv": _conv,
    "ConvTranspose": _transposed,
    "Gemm": _gemm,
    "MatMul": _matmul,
}


def _shapes(graph: onnx.GraphProto) -> _Shapes:
    """Every tensor whose shape is known in numbers."""
    found = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        dims = value.type.tensor_type.shape.dim
        if all(dim.HasField("dim_value") for dim in dims):
            found[value.name] = tuple(dim.dim_value for dim in dims)
    return found


def _shape(shapes: _Shapes, name: str) -> tuple[int, ...]:
    if name not in shapes:
        raise ValueError(f"the shape of {name!r} is not static, export with fixed sizes")
    return shapes[name]
