"""Int8 as explicit pairs of QuantizeLinear and DequantizeLinear.

Symmetric, so that zero stays zero: one scale a tensor for what flows in, one a channel for weights.
Biases and sums stay in float. Runtimes fuse the pairs into their own int8 layers; where one does not,
the graph still computes the same. See Wu et al., "Integer Quantization for Deep Learning Inference" (2020).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from seg.export.precision.ranges import STEPS

MATRIX_OPERATORS: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_SMALLEST_SCALE: Final = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True)
class QuantisableLayer:
    """A layer that can run in int8. `channel_axis` is that of its outputs in the weight."""

    name: str
    source: str
    weight: str
    channel_axis: int


def quantisable_layers_of(model: onnx.ModelProto) -> tuple[QuantisableLayer, ...]:
    """The layers that multiply what flows in by a float32 weight, in the order of the graph."""
    weights = {
        tensor.name: tensor
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) >= 2
    }
    return tuple(
        QuantisableLayer(
            node.name, node.input[0], node.input[1], _channel_axis(node, len(weights[node.input[1]].dims))
        )
        for node in model.graph.node
        if node.op_type in MATRIX_OPERATORS and node.input[1] in weights and _is_weight_by_channel(node)
    )


def quantise_layers(
    model: onnx.ModelProto, layers: Collection[QuantisableLayer], clipping: Mapping[str, float]
) -> onnx.ModelProto:
    """A copy of the graph with these layers in int8.

    Args:
        model: an exported graph in float32.
        layers: some of `quantisable_layers_of(model)`.
        clipping: for each layer's source the absolute value that becomes 127.
    """
    graph = onnx.GraphProto()
    graph.CopyFrom(model.graph)
    sources = sorted({layer.source for layer in layers})
    weights = {layer.weight: layer for layer in layers}
    added = [
        node
        for source in sources
        for node in _quantise_dequantise_nodes(source, clipping[source] / STEPS, graph)
    ]
    added += [_add_int8_weight(layer, graph) for layer in weights.values()]
    names = {layer.name for layer in layers}
    for node in graph.node:
        # All readers of a tensor read its bytes, so that it is never held twice.
        node.input[:] = [_dequantised_name(name) if name in sources else name for name in node.input]
        if node.name in names:
            node.input[1] = _dequantised_name(node.input[1])
    ordered = _quantised_nodes_in_order(graph, added)
    read = {name for node in ordered for name in node.input}
    return helper.make_model(
        helper.make_graph(
            ordered,
            graph.name,
            graph.input,
            graph.output,
            [tensor for tensor in graph.initializer if tensor.name in read],
        ),
        ir_version=model.ir_version,
        opset_imports=model.opset_import,
    )


def _is_weight_by_channel(node: onnx.NodeProto) -> bool:
    """Whether one axis of the weight is that of the outputs."""
    grouped = any(a.name == "group" and a.i != 1 for a in node.attribute)
    return node.op_type != "ConvTranspose" or not grouped


def _channel_axis(node: onnx.NodeProto, dims: int) -> int:
    match node.op_type:
        case "Conv":
            return 0
        case "ConvTranspose":
            return 1
        case "Gemm":
            return 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1
        case _:
            return dims - 1


def _dequantised_name(name: str) -> str:
    return f"{name}/dequantised"


def _quantise_dequantise_nodes(source: str, scale: float, graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    scale_name, zero_name = f"{source}/scale", f"{source}/zero"
    graph.initializer.extend(
        (
            numpy_helper.from_array(np.array(max(scale, _SMALLEST_SCALE), np.float32), scale_name),
            numpy_helper.from_array(np.array(0, np.int8), zero_name),
        )
    )
    stored = f"{source}/int8"
    return [
        helper.make_node(
            "QuantizeLinear", [source, scale_name, zero_name], [stored], name=f"{source}/Quantize"
        ),
        helper.make_node(
            "DequantizeLinear",
            [stored, scale_name, zero_name],
            [_dequantised_name(source)],
            name=f"{source}/Dequantize",
        ),
    ]


def _add_int8_weight(layer: QuantisableLayer, graph: onnx.GraphProto) -> onnx.NodeProto:
    weight = numpy_helper.to_array(next(t for t in graph.initializer if t.name == layer.weight))
    stored, scale = weight_to_int8(weight, layer.channel_axis)
    names = [f"{layer.weight}/{part}" for part in ("int8", "scale", "zero")]
    arrays: tuple[NDArray[Any], ...] = (stored, scale, np.zeros(len(scale), np.int8))
    for name, array in zip(names, arrays, strict=True):
        graph.initializer.append(numpy_helper.from_array(array, name))
    return helper.make_node(
        "DequantizeLinear",
        names,
        [_dequantised_name(layer.weight)],
        name=f"{layer.weight}/Dequantize",
        axis=layer.channel_axis,
    )


def weight_to_int8(weight: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A weight as int8 in -127..127, and float32 scales along `axis` that bring it back."""
    others = tuple(other for other in range(weight.ndim) if other != axis)
    scale = np.maximum(np.abs(weight).max(others, keepdims=True) / STEPS, _SMALLEST_SCALE)
    stored = np.clip(np.rint(weight / scale), -STEPS, STEPS).astype(np.int8)
    return stored, scale.reshape(-1).astype(np.float32)


def _quantised_nodes_in_order(
    graph: onnx.GraphProto, added: Iterable[onnx.NodeProto]
) -> list[onnx.NodeProto]:
    """All nodes, each added one behind the node that makes its input."""
    waiting: dict[str, list[onnx.NodeProto]] = {}
    for node in added:
        waiting.setdefault(node.input[0], []).append(node)
    ordered: list[onnx.NodeProto] = []

    def place_readers(names: Iterable[str]) -> None:
        for name in names:
            for node in waiting.pop(name, []):
                ordered.append(node)
                place_readers(node.output)

    place_readers(tensor.name for tensor in graph.initializer)
    place_readers(image.name for image in graph.input)
    for node in graph.node:
        ordered.append(node)
        place_readers(node.output)
    return ordered
