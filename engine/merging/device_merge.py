"""The weighted mean of probabilities, computed on the networks' device."""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.device_ops import DeviceOps, FrameSum, PassToAdd
from seg.engine.merging.merges import normalise_merged, scale_of_partial_sum
from seg.engine.passes.device_values import ProbabilitiesOnDevice
from seg.engine.passes.passes import PassOrder, Size
from seg.labels.label_map import LabelsHW, ProbabilitiesCHW
from seg.labels.task import LabelMap, Task


class DeviceMerge:
    """`seg.engine.merging.merges.MeanMerge` on a device, for views that do not scale.

    `add` only queues probabilities; `accumulate_on_device` adds them, for all frames of a batch at once.
    """

    def __init__(
        self, device_ops: DeviceOps, pass_order: PassOrder, size_hw: Size, task: Task = "multiclass"
    ) -> None:
        self.device_ops = device_ops
        self.task = task
        self.total = FrameSum(size_hw)
        self.pending: list[PassToAdd] = []
        self.pass_order = pass_order
        self.missing_c: NDArray[np.float64] = np.ones(device_ops.classes)

    def add(self, position: int, probabilities: ProbabilitiesOnDevice) -> None:
        """Queue the probabilities of one pass, in the pass's own view."""
        planned = self.pass_order[position]
        self.pending.append(PassToAdd(probabilities, planned.view, planned.class_shares or (planned.share,)))
        self.missing_c -= planned.class_shares or planned.share


def accumulate_on_device(merges: Sequence[DeviceMerge]) -> None:
    """Add the queued probabilities of these merges, in one run if every frame's passes fit into one."""
    if merges:
        merges[0].device_ops.add([(merge.total, merge.pending) for merge in merges])


def results_of_device_merges(merges: Sequence[DeviceMerge]) -> list["DeviceSum"]:
    """The merged probabilities of finished frames, each in its own orientation; all must be accumulated."""
    if not merges:
        return []
    batch = _FinishedBatch(merges)
    return [DeviceSum(merge, batch, position) for position, merge in enumerate(merges)]


class _FinishedBatch:
    """Frames that were finished together: what is asked of one is computed for all, in one run."""

    def __init__(self, merges: Sequence[DeviceMerge]) -> None:
        self._ops = merges[0].device_ops
        self._sums = [merge.total for merge in merges]
        self._scales = [float(scale_of_partial_sum(merge.missing_c)) for merge in merges]
        self._lock = threading.Lock()
        self._computed: dict[tuple[str, tuple[float, ...]], Sequence[Any]] = {}

    def total(self, position: int) -> float:
        total: float = self._once("totals", (), lambda: self._ops.totals(self._sums))[position]
        return total

    def labels(self, position: int, factors: tuple[float, ...]) -> LabelsHW:
        labels_hw: LabelsHW = self._once("labels", factors, lambda: self._ops.labels(self._sums, factors))[
            position
        ]
        return labels_hw

    def masks(self, position: int, thresholds: tuple[float, ...]) -> LabelMap:
        masks_hw: LabelMap = self._once(
            "masks", thresholds, lambda: self._ops.masks(self._sums, self._scales, thresholds)
        )[position]
        return masks_hw

    def _once(self, what: str, values: tuple[float, ...], compute: Callable[[], Sequence[Any]]) -> Any:
        with self._lock:
            if (what, values) not in self._computed:
                self._computed[what, values] = compute()
            return self._computed[what, values]


@dataclass(frozen=True, slots=True)
class DeviceSum:
    """The weighted sum of a frame's probabilities; see `seg.engine.passes.device_values.MergedOnDevice`.

    Labels are decided from the sum: normalising it multiplies all classes of a pixel alike.
    """

    merge: DeviceMerge
    batch: _FinishedBatch
    position: int

    @property
    def size_hw(self) -> Size:
        return self.merge.total.size_hw

    def is_finite(self) -> bool:
        return math.isfinite(self.batch.total(self.position))

    def labels(self, factors: tuple[float, ...]) -> LabelsHW:
        return self.batch.labels(self.position, factors)

    def masks(self, thresholds: tuple[float, ...]) -> LabelMap:
        return self.batch.masks(self.position, thresholds)

    def on_host(self) -> ProbabilitiesCHW:
        merge = self.merge
        sum_chw: ProbabilitiesCHW = merge.total.value.numpy().reshape(-1, *self.size_hw)
        return normalise_merged(sum_chw, merge.pass_order, merge.missing_c, merge.task)
