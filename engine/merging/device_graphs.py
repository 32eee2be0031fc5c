"""ONNX graphs that merge and decide on the device, so that probabilities need not be copied to the host.

One run inverts the views of a whole batch, weights its probabilities and adds them to the sums of their
frames. Another run decides all frames that the batch finished. `seg.engine.merging.merges.MeanMerge` and
`seg.engine.merging.decision.decide` do the same with arrays.

Pixels are numbered row by row, so that landscape and portrait frames can share a run.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from seg.engine.passes.device_values import Device, ProbabilitiesOnDevice, copied_to, run_bound
from seg.engine.passes.passes import Size
from seg.engine.passes.views import View
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.ort import open_session
from seg.labels.label_map import LabelsHW

OPSET: Final = 18
IR_VERSION: Final = 8

MAX_PASSES_PER_RUN: Final = 8
"""Passes of one frame in one run. More wait for the next run, so that few different graphs are built."""

_MAX_SESSIONS: Final = 16
"""Batch layouts (passes of each frame) with a graph of their own; others are accumulated frame by frame."""

_MAX_CONSTANTS: Final = 512


@dataclass(frozen=True, slots=True)
class Addend:
    """The probabilities of one pass of a frame.

    Attributes:
        view: of the pass; it must not scale.
        shares: of the merge, one for each class, or one for all.
    """

    probabilities: ProbabilitiesOnDevice
    view: View
    shares: tuple[float, ...]


@dataclass(slots=True)
class FrameSum:
    """The weighted sum of one frame's probabilities on the device.

    Attributes:
        size_hw: of the frame.
        value: an OrtValue, float32 `[C, H W]`; None before anything is added.
    """

    size_hw: Size
    value: Any = None


class DeviceOps:
    """Sessions that merge and decide probabilities on a device. Thread-safe.

    Raises:
        MissingRuntimeError: this machine does not have the device.
    """

    def __init__(self, device: Device, classes: int) -> None:
        self.device = device
        self.classes = classes
        self._lock = threading.Lock()
        # Sessions and constants stay on the device, so that a run copies only addresses. Sums lie in the
        # memory of the sessions that made them, so sessions are never closed.
        self._accumulation_sessions: dict[tuple[int, ...], Any] = {}
        self._argmax_session = cache(
            lambda frames: open_session(_argmax_graph(frames, classes), device, threads=1)
        )
        self._by_class = lru_cache(_MAX_CONSTANTS)(
            lambda values: copied_to(device, np.array(values, dtype=np.float32).reshape(-1, 1))
        )
        self._view_indices = lru_cache(_MAX_CONSTANTS)(
            lambda view, size_hw: tuple(copied_to(device, one) for one in view_indices(view, size_hw))
        )
        # Opening a session fails first if the device is missing, before anything is copied to it.
        self._accumulation_session((1,))
        self._total_session = open_session(_total_graph(), device, threads=1)
        self._zero = copied_to(device, np.zeros((1, 1), dtype=np.float32))

    def add(self, frames: Sequence[tuple[FrameSum, list[Addend]]]) -> None:
        """Add the pending addends of each frame to its sum, in order, and empty the lists.

        Other threads may append to the lists meanwhile. On return everything that was in the lists at the
        call is added, whichever thread did it.
        """
        with self._lock:
            while pending := [(total, addends) for total, addends in frames if addends]:
                self._add_once([(total, _pop_addends(addends)) for total, addends in pending])

    def total(self, frame_sum: FrameSum) -> float:
        """The total over all classes and pixels; it is not finite if any value is not."""
        (value,) = self._run(self._total_session, {_sum_name(0): frame_sum.value}, ["all"])
        return float(value.numpy())

    def _add_once(self, frames: Sequence[tuple[FrameSum, Sequence[Addend]]]) -> None:
        ordered = sorted(frames, key=lambda frame: -len(frame[1]))
        rows = tuple(len(addends) for _, addends in ordered)
        if (
            len(rows) > 1
            and rows not in self._accumulation_sessions
            and len(self._accumulation_sessions) >= _MAX_SESSIONS
        ):
            for frame in ordered:
                self._add_once([frame])
            return
        session = self._accumulation_session(rows)
        inputs: dict[str, Any] = {}
        for number, (total, addends) in enumerate(ordered):
            inputs[_sum_name(number)] = self._zero if total.value is None else total.value
            for row, addend in enumerate(addends):
                down, across = self._view_indices(addend.view, total.size_hw)
                inputs |= {
                    _tensor("probabilities", number, row): addend.probabilities,
                    _tensor("shares", number, row): self._by_class(addend.shares),
                    _tensor("down", number, row): down,
                    _tensor("across", number, row): across,
                }
        outputs = [_total_name(number) for number in range(len(ordered))]
        for (total, _), value in zip(ordered, self._run(session, inputs, outputs), strict=True):
            total.value = value

    def _accumulation_session(self, rows: tuple[int, ...]) -> Any:
        if rows not in self._accumulation_sessions:
            self._accumulation_sessions[rows] = open_session(
                _accumulation_graph(rows), self.device, threads=1
            )
        return self._accumulation_sessions[rows]

    def labels(self, sums: Sequence[FrameSum], factors: tuple[float, ...]) -> list[LabelsHW]:
        """The class with the largest sum of each pixel, uint8 `[H, W]`; the lower label where two tie.

        With `factors`, each class's sum is multiplied first. The labels of all frames are copied to the host
        at once.
        """
        inputs = {_sum_name(number): total.value for number, total in enumerate(sums)}
        inputs["factors"] = self._by_class(factors or (1.0,))
        (value,) = self._run(self._argmax_session(len(sums)), inputs, ["labels"])
        ends = np.cumsum([height * width for height, width in (total.size_hw for total in sums)])
        pieces = np.split(value.numpy(), ends[:-1])
        return [piece.reshape(total.size_hw) for piece, total in zip(pieces, sums, strict=True)]

    def _run(self, session: Any, inputs: Mapping[str, Any], outputs: Sequence[str]) -> list[Any]:
        with nvidia.device_errors(self.device):
            return run_bound(session, self.device, inputs, outputs)


def view_indices(view: View, size_hw: Size) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Flat indices of a frame's pixels in a view, as a row part and a column part to be added.

    Returns:
        int32 `[H, 1]` and `[1, W]`; their sum is the index of each pixel, row by row.
    """
    height, width = view.size(size_hw)
    rows = np.arange(height, dtype=np.int32)[:: -1 if view.flips_rows else 1] * np.int32(width)
    columns = np.arange(width, dtype=np.int32)[:: -1 if view.flips_columns else 1]
    down, across = (columns, rows) if view.transposes else (rows, columns)
    return np.ascontiguousarray(down[:, None]), np.ascontiguousarray(across[None])


def _pop_addends(addends: list[Addend]) -> list[Addend]:
    first = addends[:MAX_PASSES_PER_RUN]
    del addends[: len(first)]
    return first


def _accumulation_graph(rows: Sequence[int]) -> bytes:
    """A graph that adds each frame's rows to its sum one after the other, so that rounding is fixed."""
    nodes: list[NodeProto] = []
    inputs: list[ValueInfoProto] = []
    for number, count in enumerate(rows):
        inputs.append(_floats(_sum_name(number)))
        so_far = _sum_name(number)
        for row in range(count):
            probabilities, shares, down, across = (
                _tensor(name, number, row) for name in ("probabilities", "shares", "down", "across")
            )
            inputs += [_floats(probabilities), _floats(shares), _integers(down), _integers(across)]
            grid, place, upright, weighted = (
                _tensor(name, number, row) for name in ("grid", "place", "upright", "weighted")
            )
            total = _total_name(number) if row == count - 1 else _tensor("partial", number, row)
            nodes += [
                helper.make_node("Add", [down, across], [grid]),
                helper.make_node("Reshape", [grid, "flat"], [place]),
                helper.make_node("Gather", [probabilities, place], [upright], axis=1),
                helper.make_node("Mul", [upright, shares], [weighted]),
                helper.make_node("Add", [so_far, weighted], [total]),
            ]
            so_far = total
    outputs = [_floats(_total_name(number)) for number in range(len(rows))]
    return _graph(nodes, inputs, outputs, {"flat": np.array([-1])})


def _argmax_graph(frames: int, classes: int) -> bytes:
    """A graph that finds each pixel's class with the largest score, the lowest on ties, frame after frame."""
    # Not ArgMax: which class it takes on ties depends on the device. Classes that do not lead count as the
    # last one, which is never below a leader.
    nodes: list[NodeProto] = []
    for number in range(frames):
        scores, largest, is_largest, leading, lowest, labels = (
            f"{name}_{number}" for name in ("scores", "largest", "is_largest", "leading", "lowest", "labels")
        )
        nodes += [
            helper.make_node("Mul", [_sum_name(number), "factors"], [scores]),
            helper.make_node("ReduceMax", [scores, "axes"], [largest], keepdims=1),
            helper.make_node("Equal", [scores, largest], [is_largest]),
            helper.make_node("Where", [is_largest, "each", "last"], [leading]),
            helper.make_node("ReduceMin", [leading, "axes"], [lowest], keepdims=0),
            helper.make_node("Cast", [lowest], [labels], to=TensorProto.UINT8),
        ]
    nodes.append(
        helper.make_node("Concat", [f"labels_{number}" for number in range(frames)], ["labels"], axis=0)
    )
    return _graph(
        nodes,
        [*(_floats(_sum_name(number)) for number in range(frames)), _floats("factors")],
        [helper.make_tensor_value_info("labels", TensorProto.UINT8, [None])],
        {
            "axes": np.array([0]),
            "each": np.arange(classes, dtype=np.float32)[:, None],
            "last": np.float32(classes - 1),
        },
    )


def _total_graph() -> bytes:
    return _graph(
        [helper.make_node("ReduceSum", [_sum_name(0)], ["all"], keepdims=0)],
        [_floats(_sum_name(0))],
        [helper.make_tensor_value_info("all", TensorProto.FLOAT, [])],
        {},
    )


def _tensor(name: str, number: int, row: int) -> str:
    return f"{name}_{number}_{row}"


def _sum_name(number: int) -> str:
    return f"sum_{number}"


def _total_name(number: int) -> str:
    return f"total_{number}"


def _floats(name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None])


def _integers(name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.INT32, [None, None])


def _graph(
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
