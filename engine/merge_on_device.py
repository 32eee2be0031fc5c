"""The weighted mean of probabilities, added up where the networks left them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg.engine.glue import Addend, FrameSum, Glue
from seg.engine.merge import brought_to_one
from seg.engine.on_device import AnswerOnDevice
from seg.engine.passes import Plan, Size
from seg.labels import LabelsHW, ProbabilitiesCHW


class DeviceMerge:
    """`seg.engine.merge.MeanMerge` on a device, for views that do not scale.

    `add` only notes what is to be added; `add_up` does it, for all frames of a batch at once.
    """

    def __init__(self, glue: Glue, plan: Plan, size_hw: Size) -> None:
        self.glue = glue
        self.total = FrameSum(size_hw)
        self.waiting: list[Addend] = []
        self.plan = plan
        self.missing_c: NDArray[np.float64] = np.ones(glue.classes)

    def add(self, position: int, answer: AnswerOnDevice) -> None:
        """Take the probabilities of one pass, in the pass's own view."""
        planned = self.plan[position]
        self.waiting.append(Addend(answer, planned.view, planned.class_shares or (planned.share,)))
        self.missing_c -= planned.class_shares or planned.share


def add_up(merges: Sequence[DeviceMerge]) -> None:
    """Add up all that these merges have taken, in one run where no frame got more rows than fit into one."""
    if merges:
        merges[0].glue.add([(merge.total, merge.waiting) for merge in merges])


def merged_together(merges: Sequence[DeviceMerge]) -> list["SumOnDevice"]:
    """The merged probabilities of frames that are finished, each in its own orientation, added up already."""
    decided = _DecidedTogether([merge.total for merge in merges])
    return [
        SumOnDevice(merge.glue, merge.total, merge.plan, merge.missing_c, decided, position)
        for position, merge in enumerate(merges)
    ]


class _DecidedTogether:
    """Label maps of frames that were finished together, decided in one run when the first is asked for."""

    def __init__(self, sums: Sequence[FrameSum]) -> None:
        self._sums = sums
        self._lock = threading.Lock()
        self._labels: dict[tuple[float, ...], list[LabelsHW]] = {}

    def labels(self, glue: Glue, position: int, factors: tuple[float, ...]) -> LabelsHW:
        with self._lock:
            if factors not in self._labels:
                self._labels[factors] = glue.labels(self._sums, factors)
            return self._labels[factors][position]


@dataclass(frozen=True, slots=True)
class SumOnDevice:
    """Share x probabilities, summed up; see `seg.engine.on_device.MergedOnDevice`.

    Labels are those of the sum, as what brings it to 1 multiplies all classes of a pixel alike.
    """

    glue: Glue
    total: FrameSum
    plan: Plan
    missing_c: NDArray[np.float64]
    decided: _DecidedTogether
    position: int

    @property
    def size_hw(self) -> Size:
        return self.total.size_hw

    def labels(self, factors: tuple[float, ...]) -> LabelsHW:
        return self.decided.labels(self.glue, self.position, factors)

    def on_host(self) -> ProbabilitiesCHW:
        sum_chw: ProbabilitiesCHW = self.total.value.numpy().reshape(-1, *self.size_hw)
        return brought_to_one(sum_chw, self.plan, self.missing_c)
