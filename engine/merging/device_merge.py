"""The weighted mean of probabilities, added up where the networks left them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.device_graphs import Addend, DeviceOps, FrameSum
from seg.engine.merging.merges import normalised
from seg.engine.passes.device_values import AnswerOnDevice
from seg.engine.passes.passes import Plan, Size
from seg.labels import LabelsHW, ProbabilitiesCHW


class DeviceMerge:
    """`seg.engine.merging.merges.MeanMerge` on a device, for views that do not scale.

    `add` only notes what is to be added; `add_up` does it, for all frames of a batch at once.
    """

    def __init__(self, device_ops: DeviceOps, plan: Plan, size_hw: Size) -> None:
        self.device_ops = device_ops
        self.total = FrameSum(size_hw)
        self.waiting: list[Addend] = []
        self.plan = plan
        self.missing_c: NDArray[np.float64] = np.ones(device_ops.classes)

    def add(self, position: int, answer: AnswerOnDevice) -> None:
        """Take the probabilities of one pass, in the pass's own view."""
        planned = self.plan[position]
        self.waiting.append(Addend(answer, planned.view, planned.class_shares or (planned.share,)))
        self.missing_c -= planned.class_shares or planned.share


def add_up(merges: Sequence[DeviceMerge]) -> None:
    """Add up all that these merges have taken, in one run where no frame got more rows than fit into one."""
    if merges:
        merges[0].device_ops.add([(merge.total, merge.waiting) for merge in merges])


def merged_together(merges: Sequence[DeviceMerge]) -> list["SumOnDevice"]:
    """The merged probabilities of frames that are finished, each in its own orientation, added up already."""
    decided = _DecidedTogether([merge.total for merge in merges])
    return [
        SumOnDevice(merge.device_ops, merge.total, merge.plan, merge.missing_c, decided, position)
        for position, merge in enumerate(merges)
    ]


class _DecidedTogether:
    """Label maps of frames that were finished together, decided in one run when the first is asked for."""

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
class SumOnDevice:
    """Share x probabilities, summed up; see `seg.engine.passes.device_values.MergedOnDevice`.

    Labels are those of the sum, as what brings it to 1 multiplies all classes of a pixel alike.
    """

    device_ops: DeviceOps
    total: FrameSum
    plan: Plan
    missing_c: NDArray[np.float64]
    decided: _DecidedTogether
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
        return normalised(sum_chw, self.plan, self.missing_c)
