"""Small graphs that go on where the networks' graphs end, so that probabilities stay on their device.

Those of a whole batch are turned back, weighed and added to the sums of their frames in one run, and the
frames that it finished are decided in one: what `seg.engine.merging.merges.MeanMerge` and
`seg.engine.merging.decision.decide` do with arrays.

Pixels are counted through, row by row, so that frames that lie and frames that stand can share a run.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from seg.engine.passes.device_values import AnswerOnDevice, Device, copied_to, run_bound
from seg.engine.passes.passes import Size
from seg.engine.passes.views import View
from seg.engine.runtimes import nvidia
from seg.engine.runtimes.ort import open_session
from seg.labels import LabelsHW

OPSET: Final = 18
IR_VERSION: Final = 8

MOST_ROWS: Final = 8
"""Of one frame in one run; what is beyond waits for the next, so that few kinds of graphs are built."""

_SESSIONS: Final = 16
"""Kinds of batches, by the rows of each frame, that have a graph; others are added up frame by frame."""

_CONSTANTS: Final = 512


@dataclass(frozen=True, slots=True)
class Addend:
    """The probabilities of one pass of a frame.

    Attributes:
        view: that of the pass, which does not scale.
        shares: of the merge, one for each class, or one for all.
    """

    probabilities: AnswerOnDevice
    view: View
    shares: tuple[float, ...]


@dataclass(slots=True)
class FrameSum:
    """Share x probabilities of one frame, added up on the device.

    Attributes:
        size_hw: that of the frame.
        value: an OrtValue, float32 `[C, H W]`; None before anything is added.
    """

    size_hw: Size
    value: Any = None


class DeviceOps:
    """Sessions on a device, for probabilities of so many classes. Threads may use them at once.

    Raises:
        MissingRuntimeError: that device is not here.
    """

    def __init__(self, device: Device, classes: int) -> None:
        self.device = device
        self.classes = classes
        self._lock = threading.Lock()
        # Sessions and constants stay on the device, so that a run takes nothing up but addresses. Sums lie
        # in the memory of the sessions that made them, which therefore are never given up.
        self._adding_sessions: dict[tuple[int, ...], Any] = {}
        self._deciding_session = cache(
            lambda frames: open_session(_deciding(frames, classes), device, threads=1)
        )
        self._by_class = lru_cache(_CONSTANTS)(
            lambda values: copied_to(device, np.array(values, dtype=np.float32).reshape(-1, 1))
        )
        self._places = lru_cache(_CONSTANTS)(
            lambda view, size_hw: tuple(copied_to(device, one) for one in places(view, size_hw))
        )
        # A device that is not here is found missing by a session, before anything is copied to it.
        self._adding_session((1,))
        self._total_session = open_session(_totalling(), device, threads=1)
        self._zero = copied_to(device, np.zeros((1, 1), dtype=np.float32))

    def add(self, frames: Sequence[tuple[FrameSum, list[Addend]]]) -> None:
        """Add up what waits for each frame, in its order, and empty the lists.

        Others may append to the lists meanwhile. Whoever calls this for a list finds all that was in it added
        up on return, whichever thread did it.
        """
        with self._lock:
            while waiting := [(total, addends) for total, addends in frames if addends]:
                self._add_once([(total, _taken(addends)) for total, addends in waiting])

    def total(self, frame_sum: FrameSum) -> float:
        """All sums of all pixels together, which are not finite if one is not."""
        (value,) = self._run(self._total_session, {_sum(0): frame_sum.value}, ["all"])
        return float(value.numpy())

    def _add_once(self, frames: Sequence[tuple[FrameSum, Sequence[Addend]]]) -> None:
        ordered = sorted(frames, key=lambda frame: -len(frame[1]))
        rows = tuple(len(addends) for _, addends in ordered)
        if len(rows) > 1 and rows not in self._adding_sessions and len(self._adding_sessions) >= _SESSIONS:
            for frame in ordered:
                self._add_once([frame])
            return
        session = self._adding_session(rows)
        inputs: dict[str, Any] = {}
        for number, (total, addends) in enumerate(ordered):
            inputs[_sum(number)] = self._zero if total.value is None else total.value
            for row, addend in enumerate(addends):
                down, across = self._places(addend.view, total.size_hw)
                inputs |= {
                    _of("probabilities", number, row): addend.probabilities,
                    _of("shares", number, row): self._by_class(addend.shares),
                    _of("down", number, row): down,
                    _of("across", number, row): across,
                }
        outputs = [_total(number) for number in range(len(ordered))]
        for (total, _), value in zip(ordered, self._run(session, inputs, outputs), strict=True):
            total.value = value

    def _adding_session(self, rows: tuple[int, ...]) -> Any:
        if rows not in self._adding_sessions:
            self._adding_sessions[rows] = open_session(_adding(rows), self.device, threads=1)
        return self._adding_sessions[rows]

    def labels(self, sums: Sequence[FrameSum], factors: tuple[float, ...]) -> list[LabelsHW]:
        """The class with the largest sum of each pixel, uint8 `[H, W]`; the lower label where two tie.

        With `factors`, each class's sum counts so many times. One copy brings the labels of all frames.
        """
        inputs = {_sum(number): total.value for number, total in enumerate(sums)}
        inputs["factors"] = self._by_class(factors or (1.0,))
        (value,) = self._run(self._deciding_session(len(sums)), inputs, ["labels"])
        ends = np.cumsum([height * width for height, width in (total.size_hw for total in sums)])
        pieces = np.split(value.numpy(), ends[:-1])
        return [piece.reshape(total.size_hw) for piece, total in zip(pieces, sums, strict=True)]

    def _run(self, session: Any, inputs: Mapping[str, Any], outputs: Sequence[str]) -> list[Any]:
        with nvidia.failures_in_one_line(self.device):
            return run_bound(session, self.device, inputs, outputs)


def places(view: View, size_hw: Size) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Where a frame's pixel lies in the view: at the sum of what its row says and what its column says.

    Returns:
        int32 `[H, 1]` and `[1, W]`; the places count through the view's pixels, row by row.
    """
    height, width = view.size(size_hw)
    rows = np.arange(height, dtype=np.int32)[:: -1 if view.flips_rows else 1] * np.int32(width)
    columns = np.arange(width, dtype=np.int32)[:: -1 if view.flips_columns else 1]
    down, across = (columns, rows) if view.transposes else (rows, columns)
    return np.ascontiguousarray(down[:, None]), np.ascontiguousarray(across[None])


def _taken(addends: list[Addend]) -> list[Addend]:
    first = addends[:MOST_ROWS]
    del addends[: len(first)]
    return first


def _adding(rows: Sequence[int]) -> bytes:
    """For each frame a sum and so many rows more, added one after the other, which fixes the last bit."""
    nodes: list[NodeProto] = []
    inputs: list[ValueInfoProto] = []
    for number, count in enumerate(rows):
        inputs.append(_floats(_sum(number)))
        so_far = _sum(number)
        for row in range(count):
            probabilities, shares, down, across = (
                _of(name, number, row) for name in ("probabilities", "shares", "down", "across")
            )
            inputs += [_floats(probabilities), _floats(shares), _integers(down), _integers(across)]
            grid, place, upright, weighted = (
                _of(name, number, row) for name in ("grid", "place", "upright", "weighted")
            )
            total = _total(number) if row == count - 1 else _of("partial", number, row)
            nodes += [
                helper.make_node("Add", [down, across], [grid]),
                helper.make_node("Reshape", [grid, "flat"], [place]),
                helper.make_node("Gather", [probabilities, place], [upright], axis=1),
                helper.make_node("Mul", [upright, shares], [weighted]),
                helper.make_node("Add", [so_far, weighted], [total]),
            ]
            so_far = total
    outputs = [_floats(_total(number)) for number in range(len(rows))]
    return _graph(nodes, inputs, outputs, {"flat": np.array([-1])})


def _deciding(frames: int, classes: int) -> bytes:
    """The lowest of the classes that have a pixel's largest score, of all frames one after the other."""
    # Not ArgMax: which of two that tie it takes is up to the device. Classes that are behind count as the
    # last one, which no leader is above.
    nodes: list[NodeProto] = []
    for number in range(frames):
        scores, largest, is_largest, leading, lowest, labels = (
            f"{name}_{number}" for name in ("scores", "largest", "is_largest", "leading", "lowest", "labels")
        )
        nodes += [
            helper.make_node("Mul", [_sum(number), "factors"], [scores]),
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
        [*(_floats(_sum(number)) for number in range(frames)), _floats("factors")],
        [helper.make_tensor_value_info("labels", TensorProto.UINT8, [None])],
        {
            "axes": np.array([0]),
            "each": np.arange(classes, dtype=np.float32)[:, None],
            "last": np.float32(classes - 1),
        },
    )


def _totalling() -> bytes:
    return _graph(
        [helper.make_node("ReduceSum", [_sum(0)], ["all"], keepdims=0)],
        [_floats(_sum(0))],
        [helper.make_tensor_value_info("all", TensorProto.FLOAT, [])],
        {},
    )


def _of(name: str, number: int, row: int) -> str:
    return f"{name}_{number}_{row}"


def _sum(number: int) -> str:
    return f"sum_{number}"


def _total(number: int) -> str:
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
