"""The weighted mean of probabilities, added up where the networks left their answers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.device_graphs import DeviceOps
from seg.engine.merging.merges import normalised
from seg.engine.passes.device_values import AnswerOnDevice
from seg.engine.passes.passes import Plan, Size
from seg.labels import LabelsHW, ProbabilitiesCHW


class DeviceMerge:
    """`seg.engine.merging.merges.MeanMerge` on a device, for views that do not scale."""

    def __init__(self, device_ops: DeviceOps, plan: Plan) -> None:
        self._device_ops = device_ops
        self._plan = plan
        self._missing_c: NDArray[np.float64] = np.ones(device_ops.classes)
        # Takes no memory on the device before the first answer, which it is broadcast to.
        self._sum_chw: Any = np.zeros((1, 1, 1), dtype=np.float32)

    def add(self, position: int, answer: AnswerOnDevice) -> None:
        """Take the answer of one pass, in the pass's own view."""
        planned = self._plan[position]
        shares_c = [planned.share_of(label) for label in range(self._device_ops.classes)]
        self._sum_chw = self._device_ops.add(self._sum_chw, answer, planned.view, shares_c)
        self._missing_c -= planned.class_shares or planned.share

    def merged(self) -> "SumOnDevice":
        """The merged probabilities, in the frame's own orientation. Called once, at the end."""
        return SumOnDevice(self._device_ops, self._sum_chw, self._plan, self._missing_c)


@dataclass(frozen=True, slots=True)
class SumOnDevice:
    """Share x probabilities, summed up; see `seg.engine.passes.device_values.MergedOnDevice`.

    Labels are those of the sum, as what brings it to 1 multiplies all classes of a pixel alike.
    """

    device_ops: DeviceOps
    sum_chw: Any
    plan: Plan
    missing_c: NDArray[np.float64]

    @property
    def size_hw(self) -> Size:
        _, height, width = self.sum_chw.shape()
        return height, width

    def labels(self, factors: tuple[float, ...]) -> LabelsHW:
        return self.device_ops.labels(self.sum_chw, factors)

    def on_host(self) -> ProbabilitiesCHW:
        return normalised(self.sum_chw.numpy(), self.plan, self.missing_c)
