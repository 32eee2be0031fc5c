"""Outputs, of the merged probabilities and of the class factors."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from seg.export.fuse.builder import CLASS_AXIS, Graph
from seg.export.fuse.output_names import FusedOutput
from seg.models.model_file import OUTPUT


def add_output(
    graph: Graph, give: FusedOutput, classes: int, factors: Sequence[float]
) -> onnx.ValueInfoProto:
    """Add what makes an output; return its declaration.

    Args:
        classes: how many there are.
        factors: what each counts in the decision, or none.
    """
    match give:
        case FusedOutput.labels:
            winner = _winner(graph, factors, keepdims=0)
            graph.add("Cast", [winner], give, to=TensorProto.UINT8)
            return helper.make_tensor_value_info(give, TensorProto.UINT8, ["N", "H", "W"])
        case FusedOutput.confidence:
            axes = graph.constant("output/axes", np.array([CLASS_AXIS], dtype=np.int64))
            winner = _winner(graph, factors, keepdims=1)
            own = graph.add("GatherElements", [OUTPUT, winner], "output/own", axis=CLASS_AXIS)
            graph.add("Squeeze", [own, axes], give)
            return helper.make_tensor_value_info(give, TensorProto.FLOAT, ["N", "H", "W"])
        case FusedOutput.probabilities:
            return helper.make_tensor_value_info(give, TensorProto.FLOAT, ["N", classes, "H", "W"])


def _winner(graph: Graph, factors: Sequence[float], *, keepdims: int) -> str:
    scores = OUTPUT
    if factors:
        by_class = graph.constant("output/factors", np.array(factors, dtype=np.float32).reshape(-1, 1, 1))
        scores = graph.add("Mul", [OUTPUT, by_class], "output/scores")
    name = "output/label" if keepdims else "output/labels"
    return graph.add("ArgMax", [scores], name, axis=CLASS_AXIS, keepdims=keepdims)
