"""Sessions that merge and decide on the device, so that probabilities need not be copied to the host.

One run inverts the views of a whole batch, weights its probabilities and adds them to the sums of their
frames. Another run decides all frames that the batch finished.
"""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.device_graphs import (
    accumulation_graph,
    argmax_graph,
    graph_tensor_name,
    masks_graph,
    scale_name,
    sum_name,
    total_name,
    totals_graph,
)
from seg.engine.passes.device_values import Device, ProbabilitiesOnDevice, copy_to_device, run_on_bound_device
from seg.engine.passes.passes import Size
from seg.engine.passes.views import View
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.ort import open_ort_session
from seg.labels.label_map import LabelsHW
from seg.labels.task import LabelMap, join_label_bytes

MAX_PASSES_PER_RUN: Final = 8
"""Passes of one frame in one run. More wait for the next run, so that few different graphs are built."""

_MAX_SESSIONS: Final = 16
"""Batch layouts (passes of each frame) with a graph of their own; others are accumulated frame by frame."""

_MAX_CONSTANTS: Final = 512


@dataclass(frozen=True, slots=True)
class PassToAdd:
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
        self._argmax_session = cache(lambda frames: self._open(argmax_graph(frames, classes)))
        self._masks_session = cache(lambda frames: self._open(masks_graph(frames, classes)))
        self._totals_session = cache(lambda frames: self._open(totals_graph(frames)))
        self._by_class = lru_cache(_MAX_CONSTANTS)(
            lambda values: copy_to_device(device, np.array(values, dtype=np.float32).reshape(-1, 1))
        )
        self._view_indices = lru_cache(_MAX_CONSTANTS)(
            lambda view, size_hw: tuple(copy_to_device(device, one) for one in view_indices(view, size_hw))
        )
        # Opening a session fails first if the device is missing, before anything is copied to it.
        self._accumulation_session((1,))
        self._zero = copy_to_device(device, np.zeros((1, 1), dtype=np.float32))

    def add(self, frames: Sequence[tuple[FrameSum, list[PassToAdd]]]) -> None:
        """Add the pending addends of each frame to its sum, in order, and empty the lists.

        Other threads may append to the lists meanwhile. On return everything that was in the lists at the
        call is added, whichever thread did it.
        """
        with self._lock:
            while pending := [(total, addends) for total, addends in frames if addends]:
                self._add_once([(total, _pop_addends(addends)) for total, addends in pending])

    def totals(self, sums: Sequence[FrameSum]) -> list[float]:
        """The total of each sum over all classes and pixels; it is not finite if any value is not."""
        (value,) = self._run(self._totals_session(len(sums)), _sums_by_name(sums), ["totals"])
        totals: list[float] = value.numpy().ravel().tolist()
        return totals

    def _add_once(self, frames: Sequence[tuple[FrameSum, Sequence[PassToAdd]]]) -> None:
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
            inputs[sum_name(number)] = self._zero if total.value is None else total.value
            for row, addend in enumerate(addends):
                down, across = self._view_indices(addend.view, total.size_hw)
                inputs |= {
                    graph_tensor_name("probabilities", number, row): addend.probabilities,
                    graph_tensor_name("shares", number, row): self._by_class(addend.shares),
                    graph_tensor_name("down", number, row): down,
                    graph_tensor_name("across", number, row): across,
                }
        outputs = [total_name(number) for number in range(len(ordered))]
        for (total, _), value in zip(ordered, self._run(session, inputs, outputs), strict=True):
            total.value = value

    def _accumulation_session(self, rows: tuple[int, ...]) -> Any:
        if rows not in self._accumulation_sessions:
            self._accumulation_sessions[rows] = self._open(accumulation_graph(rows))
        return self._accumulation_sessions[rows]

    def labels(self, sums: Sequence[FrameSum], factors: tuple[float, ...]) -> list[LabelsHW]:
        """The class with the largest sum of each pixel, uint8 `[H, W]`; the lower label where two tie.

        With `factors`, each class's sum is multiplied first. The labels of all frames are copied to the host
        at once.
        """
        inputs = _sums_by_name(sums) | {"factors": self._by_class(factors or (1.0,))}
        (value,) = self._run(self._argmax_session(len(sums)), inputs, ["labels"])
        pieces = np.split(value.numpy(), _ends_of_frames(sums))
        return [piece.reshape(total.size_hw) for piece, total in zip(pieces, sums, strict=True)]

    def masks(
        self, sums: Sequence[FrameSum], scales: Sequence[float], thresholds: tuple[float, ...]
    ) -> list[LabelMap]:
        """The classes of each pixel whose scaled sum is above their threshold, as bits `[H, W]`.

        The masks of all frames are copied to the host at once.

        Args:
            scales: what each sum is multiplied by first.
            thresholds: one for each class, or one for all.
        """
        inputs = _sums_by_name(sums) | {"thresholds": self._by_class(thresholds)}
        inputs |= {scale_name(number): self._by_class((scale,)) for number, scale in enumerate(scales)}
        (value,) = self._run(self._masks_session(len(sums)), inputs, ["masks"])
        pieces = np.split(value.numpy(), _ends_of_frames(sums), axis=1)
        return [
            join_label_bytes(piece.reshape(-1, total.size_hw[1]), len(piece))
            for piece, total in zip(pieces, sums, strict=True)
        ]

    def _open(self, graph: bytes) -> Any:
        return open_ort_session(graph, self.device, threads=1)

    def _run(self, session: Any, inputs: Mapping[str, Any], outputs: Sequence[str]) -> list[Any]:
        with nvidia.nvidia_errors(self.device):
            return run_on_bound_device(session, self.device, inputs, outputs)


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


def _sums_by_name(sums: Sequence[FrameSum]) -> dict[str, Any]:
    return {sum_name(number): total.value for number, total in enumerate(sums)}


def _ends_of_frames(sums: Sequence[FrameSum]) -> NDArray[np.int64]:
    """Where each frame's pixels end, but for the last frame."""
    return np.cumsum([math.prod(total.size_hw) for total in sums])[:-1]


def _pop_addends(addends: list[PassToAdd]) -> list[PassToAdd]:
    first = addends[:MAX_PASSES_PER_RUN]
    del addends[: len(first)]
    return first
