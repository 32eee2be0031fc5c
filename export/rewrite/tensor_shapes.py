"""The shapes of all tensors of a graph, found by running it on images of several sizes."""

from collections.abc import Mapping
from typing import Final

import onnx
import onnxruntime
from onnx import helper

from seg.models.model_file import INPUT, image_type_of_model_input

Shape = tuple[int, ...]
Shapes = Mapping[str, tuple[Shape, ...]]
"""The shape of each tensor, for each of the images."""

SIZES_HW: Final = ((33, 70), (64, 31), (97, 129))
_ERRORS_ONLY: Final = 3


def shapes_by_running(model: onnx.ModelProto) -> Shapes:
    """The shapes of all tensors for images of these sizes.

    Graphs compute sizes by formulas of any kind; that one is twice another is told by running them.
    """
    graph = model.graph
    names = [image.name for image in graph.input] + [tensor.name for tensor in graph.initializer]
    names += [name for node in graph.node for name in node.output if name]
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    for number, name in enumerate(names):
        shape = f"{number}/shape"
        shown.graph.node.append(helper.make_node("Shape", [name], [shape]))
        shown.graph.output.append(helper.make_tensor_value_info(shape, onnx.TensorProto.INT64, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    # Optimised, the graph would lack some of its tensors.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        shown.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    image_type = image_type_of_model_input(model)
    runs = [session.run(None, {INPUT: image_type.blank((1, *size_hw))}) for size_hw in SIZES_HW]
    return {
        name: tuple(tuple(shape.tolist()) for shape in shapes)
        for name, *shapes in zip(names, *runs, strict=True)
    }
