"""Graphs in the oldest opset that means the same, against ONNX's reference and its own upgrades."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, version_converter

from seg.errors import ModelError
from seg.export.onnx_file.opset import OLDEST, convert_to_opset, lower_opset, opset_of
from tests.export.tiny import image, model, run


def one(operator: str, opset: int, inputs: int = 1, outputs: int = 1, **attributes: Any) -> onnx.ModelProto:
    """A graph of one node; inputs beyond the first are int64 vectors."""
    names = [f"in{number}" for number in range(inputs)]
    made = [f"out{number}" for number in range(outputs)]
    image, vector = ["N", "C", "H", "W"], ["K"]
    kinds = [(TensorProto.FLOAT, image), *[(TensorProto.INT64, vector)] * (inputs - 1)]
    graph = helper.make_graph(
        [helper.make_node(operator, names, made, **attributes)],
        "one",
        [helper.make_tensor_value_info(name, *kind) for name, kind in zip(names, kinds, strict=True)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in made],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


@pytest.mark.parametrize(
    ("graph", "oldest"),
    [
        (one("Relu", 20), 17),
        (one("Softmax", 20, axis=1), 17),
        (one("Gelu", 20), 20),  # is new in 20
        (one("ReduceMean", 20, inputs=2), 18),  # has axes as an input since 18
        (one("ReduceSum", 20, inputs=2), 17),
        (one("Split", 20, outputs=2, num_outputs=2), 18),  # says how many since 18
        (one("AveragePool", 20, kernel_shape=[2, 2], dilations=[2, 2]), 19),
        (one("AveragePool", 20, kernel_shape=[2, 2]), 17),
    ],
    ids=lambda value: value.graph.node[0].op_type if isinstance(value, onnx.ModelProto) else None,
)
def test_the_oldest_opset_is_found(graph: onnx.ModelProto, oldest: int) -> None:
    nodes = [node.SerializeToString() for node in graph.graph.node]
    lower_opset(graph)
    assert opset_of(graph) == oldest
    assert graph.ir_version == {17: 8, 18: 8, 19: 9, 20: 9}[oldest]
    assert [node.SerializeToString() for node in graph.graph.node] == nodes


def test_attributes_that_go_without_saying_are_left_out() -> None:
    graph = one("Split", 17, outputs=2)
    assert not convert_to_opset(graph, 18)  # would have to say how many parts there are
    resize = helper.make_node("Resize", ["in0", "", "", "size"], ["out0"], mode="linear", antialias=0)
    graph = one("Relu", 18)
    graph.graph.node[0].CopyFrom(resize)
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 1, 4, 4]), "size"))
    lower_opset(graph)
    assert opset_of(graph) == OLDEST
    assert [attribute.name for attribute in graph.graph.node[0].attribute] == ["mode"]


@pytest.mark.parametrize("size_hw", [None, (20, 26)])
def test_values_are_the_same_bits(size_hw: tuple[int, int] | None) -> None:
    graph = model(size_hw=size_hw, opset=20)
    expected = run(graph, image()[None])
    lower_opset(graph)
    assert opset_of(graph) < 20
    np.testing.assert_array_equal(run(graph, image()[None]), expected)
    upgraded = version_converter.convert_version(graph, 20)
    np.testing.assert_array_equal(run(upgraded, image()[None]), expected)


def test_an_opset_that_is_asked_for_is_taken_or_refused() -> None:
    graph = one("Relu", 18)
    lower_opset(graph, 19)
    assert (opset_of(graph), graph.ir_version) == (19, 9)
    with pytest.raises(ModelError, match="opset 17: the graph has an operator Gelu"):
        lower_opset(one("Gelu", 20), 17)
