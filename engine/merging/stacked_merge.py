"""Stacking: the mean of probabilities, corrected by what each member finds."""

from collections import Counter
from itertools import groupby
from typing import Protocol

import cv2
import numpy as np

from seg.engine.merging.tie_break import MIN_PROBABILITY
from seg.engine.passes.passes import PassOrder, Size
from seg.labels.label_map import ProbabilitiesCHW
from seg.spec.ensemble.stacking import LEAST_PROBABILITY, Stacking


class MeanOfPasses(Protocol):
    """What is corrected: see `seg.engine.merging.merges.MeanMerge`."""

    def add(self, position: int, probabilities_chw: ProbabilitiesCHW) -> None: ...

    def merged(self) -> ProbabilitiesCHW: ...


class StackedMerge:
    """The correction is described in `seg.spec.ensemble.stacking.Stacking`.

    Holds the mean, the correction, and the mean over the views of one member: three times `[C, H, W]`.
    """

    def __init__(
        self, mean: MeanOfPasses, stacking: Stacking, pass_order: PassOrder, classes: int, size_hw: Size
    ) -> None:
        order = [member for member, _ in groupby(planned.member for planned in pass_order)]
        if sorted(order) != [member for member, rows in enumerate(stacking.matrices) if rows]:
            raise ValueError("stacking needs the passes of its members, and of no others, member by member")
        self._mean = mean
        self._stacking = stacking
        self._pass_order = pass_order
        self._passes_of = Counter(planned.member for planned in pass_order)
        constants_c = np.array(stacking.constants, dtype=np.float32)
        self._correction_chw: ProbabilitiesCHW = np.empty((classes, *size_hw), dtype=np.float32)
        self._correction_chw[:] = constants_c[:, None, None]
        self._member_chw: ProbabilitiesCHW = np.zeros((classes, *size_hw), dtype=np.float32)
        self._spare_hw = np.empty(size_hw, dtype=np.float32)
        self._added = 0

    def add(self, position: int, probabilities_chw: ProbabilitiesCHW) -> None:
        self._mean.add(position, probabilities_chw)
        planned = self._pass_order[position]
        passes = self._passes_of[planned.member]
        for plane_hw, sum_hw in zip(probabilities_chw, self._member_chw, strict=True):
            cv2.scaleAdd(planned.view.restore(plane_hw, self._spare_hw), 1 / passes, sum_hw, sum_hw)
        self._added += 1
        if self._added == passes:
            self._correct_by(planned.member)
            self._member_chw.fill(0)
            self._added = 0

    def merged(self) -> ProbabilitiesCHW:
        scores_chw = self._mean.merged()
        np.maximum(scores_chw, np.float32(MIN_PROBABILITY), out=scores_chw)
        np.log(scores_chw, out=scores_chw)
        scores_chw += self._correction_chw
        scores_chw -= scores_chw.max(axis=0)
        np.exp(scores_chw, out=scores_chw)
        scores_chw /= scores_chw.sum(axis=0)
        return scores_chw

    def _correct_by(self, member: int) -> None:
        np.maximum(self._member_chw, np.float32(LEAST_PROBABILITY), out=self._member_chw)
        np.log(self._member_chw, out=self._member_chw)
        for row, sum_hw in zip(self._stacking.matrices[member], self._correction_chw, strict=True):
            for coefficient, logarithm_hw in zip(row, self._member_chw, strict=True):
                cv2.scaleAdd(logarithm_hw, coefficient, sum_hw, sum_hw)
