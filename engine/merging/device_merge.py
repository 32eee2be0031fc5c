"""The weighted mean of probabilities, computed on the networks' device."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.device_graphs import Addend, DeviceOps, FrameSum
from seg.engine.merging.merges import normalised
from seg.engine.passes.device_values import ProbabilitiesOnDevice
from seg.engine.passes.passes import PassOrder, Size
from seg.labels.label_map import LabelsHW, ProbabilitiesCHW
from seg.labels.task import Task


class DeviceMerge:
    """`seg.engine.merging.merges.MeanMerge` on a device, for views that do not scale.

    `add` only queues probabilities; `accumulate` adds them, for all frames of a batch at once.
    """

    def __init__(
        self, device_ops: DeviceOps, pass_order: PassOrder, size_hw: Size, task: Task = "multiclass"
    ) -> None:
        self.device_ops = device_ops
        self.task = task
        self.total = FrameSum(size_hw)
        self.pending: list[Addend] = []
        self.pass_order = pass_order
        self.missing_c: NDArray[np.float64] = np.ones(device_ops.classes)

    def add(self, position: int, probabilities: ProbabilitiesOnDevice) -> None:
        """Queue the probabilities of one pass, in the pass's own view."""
        planned = self.pass_order[position]
        self.pending.append(Addend(probabilities, planned.view, planned.class_shares or (planned.share,)))
        self.missing_c -= planned.class_shares or planned.share


def accumulate(merges: Sequence[DeviceMerge]) -> None:
    """Add the queued probabilities of these merges, in one run if every frame's passes fit into one."""
    if merges:
        merges[0].device_ops.add([(merge.total, merge.pending) for merge in merges])


def merge_results(merges: Sequence[DeviceMerge]) -> list["MergedSum"]:
    """The merged probabilities of finished frames, each in its own orientation; all must be accumulated."""
    decided = _BatchedLabels([merge.total for merge in merges])
    return [
        MergedSum(
            merge.device_ops, merge.total, merge.pass_order, merge.missing_c, merge.task, decided, position
        )
        for position, merge in enumerate(merges)
    ]


class _BatchedLabels:
    """Label maps of frames that were finished together, decided in one run on first use."""

    def __init__(self, sums: Sequence[FrameSum]) -> None:
        self._sums = sums
        self._lock = threading.Lock()
        self._labels: dict[tuple[float, ...], list[LabelsHW]] = {}

    def labels(self, device_ops: DeviceOps, position: int, factors: tuple[float, ...]) -> LabelsHW:
        with self._lock:
            if factors not in self._labels:
                self._labels[factors] = device_ops.labels(self._sums, factors)
            return self._labels[factors][position]


@dataclass(frozen=True, slots=True)
class MergedSum:
    """The weighted sum of a frame's probabilities; see `seg.engine.passes.device_values.MergedOnDevice`.

    Labels are decided from the sum: normalising it multiplies all classes of a pixel alike.
    """

    device_ops: DeviceOps
    total: FrameSum
    pass_order: PassOrder
    missing_c: NDArray[np.float64]
    task: Task
    decided: _BatchedLabels
    position: int

    @property
    def size_hw(self) -> Size:
        return self.total.size_hw

    def is_finite(self) -> bool:
        return bool(np.isfinite(self.device_ops.total(self.total)))

    def labels(self, factors: tuple[float, ...]) -> LabelsHW:
        return self.decided.labels(self.device_ops, self.position, factors)

    def on_host(self) -> ProbabilitiesCHW:
        sum_chw: ProbabilitiesCHW = self.total.value.numpy().reshape(-1, *self.size_hw)
        return normalised(sum_chw, self.pass_order, self.missing_c, self.task)
