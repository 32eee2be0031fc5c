"""The outputs of a fused model as nodes of its graph, from the merged probabilities."""

from collections.abc import Sequence
from functools import reduce
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper

from seg.engine.merging.decision import Decision
from seg.export.fuse.builder import CLASS_AXIS, FusedGraph
from seg.export.fuse.output_names import FusedOutput
from seg.labels.task import classes_overlap, label_dtype
from seg.models.model_file import OUTPUT

_BITS_OF_FLOAT: Final = 24


def add_fused_output(
    graph: FusedGraph, give: FusedOutput, classes: int, decision: Decision
) -> onnx.ValueInfoProto:
    """Add what makes an output of so many classes; return its declaration."""
    factors = decision.factors
    if classes_overlap(decision.task) and give != FusedOutput.probabilities:
        return _add_output_of_masks(graph, give, classes, decision)
    match give:
        case FusedOutput.labels:
            winner = _add_most_probable_label(graph, factors, keepdims=0)
            graph.add("Cast", [winner], give, to=TensorProto.UINT8)
            return helper.make_tensor_value_info(give, TensorProto.UINT8, ["N", "H", "W"])
        case FusedOutput.confidence:
            axes = graph.constant("output/axes", np.array([CLASS_AXIS], dtype=np.int64))
            winner = _add_most_probable_label(graph, factors, keepdims=1)
            own = graph.add("GatherElements", [OUTPUT, winner], "output/own", axis=CLASS_AXIS)
            graph.add("Squeeze", [own, axes], give)
            return helper.make_tensor_value_info(give, TensorProto.FLOAT, ["N", "H", "W"])
        case FusedOutput.probabilities:
            return helper.make_tensor_value_info(give, TensorProto.FLOAT, ["N", classes, "H", "W"])


def _add_output_of_masks(
    graph: FusedGraph, give: FusedOutput, classes: int, decision: Decision
) -> onnx.ValueInfoProto:
    """Label maps with a bit for each class, or the probability of what is least certain of a pixel."""
    axes = graph.constant("output/axes", np.array([CLASS_AXIS], dtype=np.int64))
    limits = np.array(decision.thresholds_of(classes), dtype=np.float32).reshape(-1, 1, 1)
    masks = graph.add("Greater", [OUTPUT, graph.constant("output/thresholds", limits)], "output/masks")
    if give == FusedOutput.confidence:
        one = graph.constant("output/one", np.float32(1))
        absence = graph.add("Sub", [one, OUTPUT], "output/absence")
        decided = graph.add("Where", [masks, OUTPUT, absence], "output/decided")
        graph.add("ReduceMin", [decided, axes], give, keepdims=0)
        return helper.make_tensor_value_info(give, TensorProto.FLOAT, ["N", "H", "W"])
    dtype = helper.np_dtype_to_tensor_dtype(label_dtype(decision.task, classes))
    ones = graph.add("Cast", [masks], "output/ones", to=TensorProto.FLOAT)
    parts = [_sum_of_bits(graph, ones, axes, classes, first) for first in range(0, classes, _BITS_OF_FLOAT)]
    total = reduce(lambda sum_, part: graph.add("Add", [sum_, part], f"{part}/added"), parts)
    graph.add("Cast", [total], give, to=dtype)
    return helper.make_tensor_value_info(give, dtype, ["N", "H", "W"])


def _sum_of_bits(graph: FusedGraph, ones: str, axes: str, classes: int, first: int) -> str:
    """The bits of the classes from `first` on, as many as float32 adds exactly on all runtimes, int64."""
    count = min(_BITS_OF_FLOAT, classes - first)
    bits = np.zeros((classes, 1, 1), np.float32)
    bits[first : first + count, 0, 0] = 2.0 ** np.arange(count)
    name = f"output/bits{first}"
    values = graph.add("Mul", [ones, graph.constant(name, bits)], f"{name}/values")
    added = graph.add("ReduceSum", [values, axes], f"{name}/sum", keepdims=0)
    whole = graph.add("Cast", [added], f"{name}/whole", to=TensorProto.INT64)
    shift = graph.constant(f"{name}/shift", np.int64(2**first))
    return graph.add("Mul", [whole, shift], f"{name}/shifted")


def _add_most_probable_label(graph: FusedGraph, factors: Sequence[float], *, keepdims: int) -> str:
    scores = OUTPUT
    if factors:
        by_class = graph.constant("output/factors", np.array(factors, dtype=np.float32).reshape(-1, 1, 1))
        scores = graph.add("Mul", [OUTPUT, by_class], "output/scores")
    name = "output/label" if keepdims else "output/labels"
    return graph.add("ArgMax", [scores], name, axis=CLASS_AXIS, keepdims=keepdims)
