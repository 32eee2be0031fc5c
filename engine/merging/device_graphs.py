"""ONNX graphs that merge and decide on the device, so that probabilities need not be copied to the host.

`seg.engine.merging.merges.MeanMerge` and `seg.engine.merging.decision` do the same with arrays. Pixels are
numbered row by row, so that landscape and portrait frames can share a run.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from seg.labels.task import label_dtype

OPSET: Final = 18
IR_VERSION: Final = 8

BITS: Final = 8
"""Classes in a byte of a label map of classes that overlap."""


def accumulation_graph(rows: Sequence[int]) -> bytes:
    """A graph that adds each frame's rows to its sum one after the other, so that rounding is fixed."""
    nodes: list[NodeProto] = []
    inputs: list[ValueInfoProto] = []
    for number, count in enumerate(rows):
        inputs.append(_float_graph_value(sum_name(number)))
        so_far = sum_name(number)
        for row in range(count):
            probabilities, shares, down, across = (
                graph_tensor_name(name, number, row) for name in ("probabilities", "shares", "down", "across")
            )
            inputs += [
                _float_graph_value(probabilities),
                _float_graph_value(shares),
                _integer_graph_value(down),
                _integer_graph_value(across),
            ]
            grid, place, upright, weighted = (
                graph_tensor_name(name, number, row) for name in ("grid", "place", "upright", "weighted")
            )
            total = total_name(number) if row == count - 1 else graph_tensor_name("partial", number, row)
            nodes += [
                helper.make_node("Add", [down, across], [grid]),
                helper.make_node("Reshape", [grid, "flat"], [place]),
                helper.make_node("Gather", [probabilities, place], [upright], axis=1),
                helper.make_node("Mul", [upright, shares], [weighted]),
                helper.make_node("Add", [so_far, weighted], [total]),
            ]
            so_far = total
    outputs = [_float_graph_value(total_name(number)) for number in range(len(rows))]
    return _device_graph(nodes, inputs, outputs, {"flat": np.array([-1])})


def argmax_graph(frames: int, classes: int) -> bytes:
    """A graph that finds each pixel's class with the largest score, the lowest on ties, frame after frame."""
    # Not ArgMax: which class it takes on ties depends on the device. Classes that do not lead count as the
    # last one, which is never below a leader.
    nodes: list[NodeProto] = []
    for number in range(frames):
        scores, largest, is_largest, leading, lowest, labels = (
            f"{name}_{number}" for name in ("scores", "largest", "is_largest", "leading", "lowest", "labels")
        )
        nodes += [
            helper.make_node("Mul", [sum_name(number), "factors"], [scores]),
            helper.make_node("ReduceMax", [scores, "axes"], [largest], keepdims=1),
            helper.make_node("Equal", [scores, largest], [is_largest]),
            helper.make_node("Where", [is_largest, "each", "last"], [leading]),
            helper.make_node("ReduceMin", [leading, "axes"], [lowest], keepdims=0),
            helper.make_node("Cast", [lowest], [labels], to=TensorProto.UINT8),
        ]
    nodes.append(
        helper.make_node("Concat", [f"labels_{number}" for number in range(frames)], ["labels"], axis=0)
    )
    return _device_graph(
        nodes,
        [*(_float_graph_value(sum_name(number)) for number in range(frames)), _float_graph_value("factors")],
        [helper.make_tensor_value_info("labels", TensorProto.UINT8, [None])],
        {
            "axes": np.array([0]),
            "each": np.arange(classes, dtype=np.float32)[:, None],
            "last": np.float32(classes - 1),
        },
    )


def masks_graph(frames: int, classes: int) -> bytes:
    """A graph that finds the classes above their thresholds, as planes of bytes, frame after frame.

    Byte k of a pixel has a bit for each of the classes from 8k on. Each sum is multiplied by its frame's
    scale first.
    """
    nodes: list[NodeProto] = []
    for number in range(frames):
        scores, is_above, ones, bits, masks = (
            f"{name}_{number}" for name in ("scores", "is_above", "ones", "bits", "masks")
        )
        nodes += [
            helper.make_node("Mul", [sum_name(number), scale_name(number)], [scores]),
            helper.make_node("Greater", [scores, "thresholds"], [is_above]),
            helper.make_node("Cast", [is_above], [ones], to=TensorProto.FLOAT),
            # Exact, in TF32 too: sums of different powers of two, of at most 8 bits.
            helper.make_node("MatMul", ["bit_values", ones], [bits]),
            helper.make_node("Cast", [bits], [masks], to=TensorProto.UINT8),
        ]
    nodes.append(
        helper.make_node("Concat", [f"masks_{number}" for number in range(frames)], ["masks"], axis=1)
    )
    return _device_graph(
        nodes,
        [
            *(
                _float_graph_value(name(number))
                for number in range(frames)
                for name in (sum_name, scale_name)
            ),
            _float_graph_value("thresholds"),
        ],
        [helper.make_tensor_value_info("masks", TensorProto.UINT8, [None, None])],
        {"bit_values": _bit_values(classes)},
    )


def _bit_values(classes: int) -> NDArray[np.float32]:
    """The value of each class's bit in its own byte, and 0 in the others, float32 `[bytes, C]`."""
    values = np.zeros((label_dtype("multilabel", classes).itemsize, classes), dtype=np.float32)
    for label in range(classes):
        values[label // BITS, label] = 1 << label % BITS
    return values


def totals_graph(frames: int) -> bytes:
    """A graph that finds the total of each frame's sum, over all classes and pixels."""
    nodes = [
        helper.make_node("ReduceSum", [sum_name(number)], [total_name(number)], keepdims=1)
        for number in range(frames)
    ]
    nodes.append(
        helper.make_node("Concat", [total_name(number) for number in range(frames)], ["totals"], axis=0)
    )
    return _device_graph(
        nodes,
        [_float_graph_value(sum_name(number)) for number in range(frames)],
        [_float_graph_value("totals")],
        {},
    )


def graph_tensor_name(name: str, number: int, row: int) -> str:
    return f"{name}_{number}_{row}"


def sum_name(number: int) -> str:
    return f"sum_{number}"


def total_name(number: int) -> str:
    return f"total_{number}"


def scale_name(number: int) -> str:
    return f"scale_{number}"


def _float_graph_value(name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None])


def _integer_graph_value(name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.INT32, [None, None])


def _device_graph(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    constants: dict[str, Any],
) -> bytes:
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "device_ops", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    content: bytes = model.SerializeToString()
    return content
