"""Outputs, of the merged probabilities."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from seg.export.fuse.give import Give
from seg.export.fuse.graph import CLASS_AXIS, Graph
from seg.model_file import OUTPUT


def add_output(graph: Graph, give: Give, classes: int) -> onnx.ValueInfoProto:
    """Add what makes an output; return its declaration."""
    match give:
        case Give.labels:
            winner = graph.add("ArgMax", [OUTPUT], "output/label", axis=CLASS_AXIS, keepdims=0)
            graph.add("Cast", [winner], give, to=TensorProto.UINT8)
            return helper.make_tensor_value_info(give, TensorProto.UINT8, ["N", "H", "W"])
        case Give.confidence:
            axes = graph.constant("output/axes", np.array([CLASS_AXIS], dtype=np.int64))
            graph.add("ReduceMax", [OUTPUT, axes], give, keepdims=0)
            return helper.make_tensor_value_info(give, TensorProto.FLOAT, ["N", "H", "W"])
        case Give.probabilities:
            return helper.make_tensor_value_info(give, TensorProto.FLOAT, ["N", classes, "H", "W"])
