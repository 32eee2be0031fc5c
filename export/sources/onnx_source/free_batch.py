"""Free the batch of a network that was exported for a fixed number of images.

Where a constant shape begins with that number, the batch is meant. That is a guess, so what comes out is
compared with the network as it was.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

_SHAPE_INPUT = {"Reshape": 1, "Resize": 3, "Expand": 1}


def free_batch_axis(model: onnx.ModelProto, source: onnx.ValueInfoProto, fixed: int) -> None:
    """Let the first axis of the input `source`, of the outputs and of constant shapes be free."""
    for value in (*model.graph.input, *model.graph.output):
        sides = value.type.tensor_type.shape.dim
        if sides and sides[0].dim_value == fixed:
            sides[0].dim_param = "N"
    del model.graph.value_info[:]
    constants = _constant_vectors(model)
    nodes: list[onnx.NodeProto] = []
    for position, node in enumerate(model.graph.node):
        at = _SHAPE_INPUT.get(node.op_type, len(node.input))
        shape = constants.get(node.input[at]) if at < len(node.input) else None
        if shape is not None and shape.size > 1 and shape[0] == fixed:
            nodes += _with_free_shape(node, at, shape, source.name, f"free_batch/{position}", model)
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _with_free_shape(
    node: onnx.NodeProto,
    at: int,
    shape: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    source: str,
    name: str,
    model: onnx.ModelProto,
) -> list[onnx.NodeProto]:
    """Let the node read a shape that begins with the batch of the network's input; the nodes that make it."""
    first = numpy_helper.from_array(np.array([0], dtype=np.int64), f"{name}/first")
    rest = numpy_helper.from_array(shape[1:], f"{name}/rest")
    model.graph.initializer.extend([first, rest])
    node.input[at] = f"{name}/shape"
    return [
        helper.make_node("Shape", [source], [f"{name}/input"], name=f"{name}/input"),
        helper.make_node("Gather", [f"{name}/input", first.name], [f"{name}/batch"], name=f"{name}/batch"),
        helper.make_node(
            "Concat", [f"{name}/batch", rest.name], [f"{name}/shape"], name=f"{name}/shape", axis=0
        ),
    ]


def _constant_vectors(model: onnx.ModelProto) -> "dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]":
    """Constant vectors of whole numbers, by name."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            tensors[node.output[0]] = node.attribute[0].t
    return {
        name: numpy_helper.to_array(tensor)
        for name, tensor in tensors.items()
        if tensor.data_type == onnx.TensorProto.INT64 and len(tensor.dims) == 1
    }
