"""Small graphs that go on where the networks' graphs end, so that answers stay on their device.

An answer is turned back, weighed and added to a sum there, and sums are decided there: what
`seg.engine.merging.merges.MeanMerge` and `seg.engine.merging.decision.decide` do with arrays.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from seg.engine.passes.device_values import AnswerOnDevice, Device, run_bound
from seg.engine.passes.views import View
from seg.engine.runtimes.ort import open_session
from seg.labels import LabelsHW

OPSET: Final = 18
IR_VERSION: Final = 9

_INT64: Final = np.iinfo(np.int64)
_SUM: Final = "sum"
_LABELS: Final = "labels"


class DeviceOps:
    """Sessions on a device, for answers of so many classes. Threads may use them at once.

    Raises:
        MissingRuntimeError: that device is not here.
    """

    def __init__(self, device: Device, classes: int) -> None:
        self.device = device
        self.classes = classes
        self._add = {turns: open_session(_adding(turns), device, threads=1) for turns in (False, True)}
        self._decide = open_session(_deciding(classes), device, threads=1)

    def add(self, sum_chw: Any, answer: AnswerOnDevice, view: View, shares_c: Sequence[float]) -> Any:
        """A sum and one more answer, which is turned back from its view and weighed class by class.

        Args:
            sum_chw: an OrtValue, float32 `[C, H, W]`; or an array of one 0, `[1, 1, 1]`, to begin with.
            view: one that does not scale.
        """
        inputs = {_SUM: sum_chw, "answer": answer, "shares": _by_class(shares_c), **_ways(view)}
        return run_bound(self._add[view.transposes], self.device, inputs, "total")

    def labels(self, sum_chw: Any, factors: Sequence[float]) -> LabelsHW:
        """The class with the largest sum of each pixel, uint8 `[H, W]`; the lower label where two tie.

        With `factors`, each class's sum counts so many times.
        """
        inputs = {_SUM: sum_chw, "factors": _by_class(factors or [1.0] * self.classes)}
        labels_hw: LabelsHW = run_bound(self._decide, self.device, inputs, _LABELS).numpy()
        return labels_hw


def _by_class(values_c: Sequence[float]) -> NDArray[np.float32]:
    return np.array(values_c, dtype=np.float32).reshape(-1, 1, 1)


def _ways(view: View) -> dict[str, NDArray[np.int64]]:
    """From where to where, and which way, an answer's rows and columns are read."""
    flips = np.array([view.flips_rows, view.flips_columns])
    return {
        "starts": np.where(flips, -1, 0),
        "ends": np.where(flips, _INT64.min, _INT64.max),
        "steps": np.where(flips, -1, 1),
    }


def _adding(transposes: bool) -> bytes:
    upright = "upright" if transposes else "unflipped"
    nodes = [
        helper.make_node("Slice", ["answer", "starts", "ends", "axes", "steps"], ["unflipped"]),
        helper.make_node("Mul", [upright, "shares"], ["weighted"]),
        helper.make_node("Add", [_SUM, "weighted"], ["total"]),
    ]
    if transposes:
        nodes.insert(1, helper.make_node("Transpose", ["unflipped"], ["upright"], perm=[0, 2, 1]))
    ways = [
        helper.make_tensor_value_info(name, TensorProto.INT64, [2]) for name in ("starts", "ends", "steps")
    ]
    return _graph(
        nodes,
        [_floats(_SUM), _floats("answer"), _floats("shares"), *ways],
        _floats("total"),
        {"axes": np.array([1, 2])},
    )


def _deciding(classes: int) -> bytes:
    """The lowest of the classes that have a pixel's largest score."""
    # Not ArgMax: which of two that tie it takes is up to the device. Classes that are behind count as the
    # last one, which no leader is above.
    nodes = [
        helper.make_node("Mul", [_SUM, "factors"], ["scores"]),
        helper.make_node("ReduceMax", ["scores", "axes"], ["largest"], keepdims=1),
        helper.make_node("Equal", ["scores", "largest"], ["is_largest"]),
        helper.make_node("Where", ["is_largest", "each", "last"], ["leading"]),
        helper.make_node("ReduceMin", ["leading", "axes"], ["lowest"], keepdims=0),
        helper.make_node("Cast", ["lowest"], [_LABELS], to=TensorProto.UINT8),
    ]
    return _graph(
        nodes,
        [_floats(_SUM), _floats("factors")],
        helper.make_tensor_value_info(_LABELS, TensorProto.UINT8, [None, None]),
        {"axes": np.array([0]), "each": _by_class(range(classes)), "last": np.float32(classes - 1)},
    )


def _floats(name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None, None])


def _graph(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    output: ValueInfoProto,
    constants: dict[str, Any],
) -> bytes:
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "glue", inputs, [output], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    content: bytes = model.SerializeToString()
    return content
