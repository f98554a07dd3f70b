from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from studies.onnx_graph import graph_macs


def _model(
    node: onnx.NodeProto,
    inputs: dict[str, list[int | str]],
    output: list[int | str],
    weights: dict[str, list[int]],
) -> onnx.ModelProto:
    def value(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    tensors = []
    for name, shape in weights.items():
        size = 1
        for side in shape:
            size *= side
        tensors.append(helper.make_tensor(name, TensorProto.FLOAT, shape, [0.0] * size))
    graph = helper.make_graph(
        [node], "g", [value(n, s) for n, s in inputs.items()], [value("y", output)], tensors
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_a_convolution_works_at_every_output_position() -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1])
    model = _model(node, {"x": [1, 4, 8, 6]}, [1, 5, 4, 3], {"w": [5, 4, 3, 3]})
    assert graph_macs(model) == 5 * 4 * 9 * (4 * 3)


def test_a_grouped_convolution_reads_only_its_group() -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=2)
    model = _model(node, {"x": [1, 4, 8, 6]}, [1, 6, 8, 6], {"w": [6, 2, 1, 1]})
    assert graph_macs(model) == 6 * 2 * 48


def test_a_transposed_convolution_works_at_every_input_position() -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    model = _model(node, {"x": [1, 4, 8, 6]}, [1, 5, 16, 12], {"w": [4, 5, 2, 2]})
    assert graph_macs(model) == 4 * 5 * 4 * 48


def test_matrix_products_count_and_their_flags_are_heard() -> None:
    plain = _model(
        helper.make_node("Gemm", ["x", "w"], ["y"]), {"x": [2, 7]}, [2, 3], {"w": [7, 3]}
    )
    flipped = _model(
        helper.make_node("Gemm", ["x", "w"], ["y"], transA=1), {"x": [7, 2]}, [2, 3], {"w": [7, 3]}
    )
    assert graph_macs(plain) == graph_macs(flipped) == 2 * 7 * 3
    batched = _model(
        helper.make_node("MatMul", ["x", "z"], ["y"]),
        {"x": [4, 2, 7], "z": [4, 7, 3]},
        [4, 2, 3],
        {},
    )
    assert graph_macs(batched) == 4 * 2 * 7 * 3


def test_other_operations_are_free() -> None:
    assert (
        graph_macs(_model(helper.make_node("Relu", ["x"], ["y"]), {"x": [1, 9]}, [1, 9], {})) == 0
    )


def test_dynamic_shapes_are_refused() -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    model = _model(node, {"x": ["n", 4, 8, 6]}, ["n", 5, 8, 6], {"w": [5, 4, 1, 1]})
    with pytest.raises(ValueError, match="not static"):
        graph_macs(model)
