"""Merges of classes that overlap, each of which has a sigmoid of its own: no class takes from another.

Their mean is `seg.engine.merging.merges.MeanMerge`. For a class and what it is not, each merge here is the
same as `GeometricMerge` or `VoteMerge` of a softmax of these two.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.tie_break import HIGHEST_RANK, MIN_PROBABILITY, TIE, tie_break_ranks
from seg.engine.passes.finite import is_finite
from seg.engine.passes.passes import PassOrder, Size
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import THRESHOLD


class OddsMerge:
    """The weighted geometric mean of each class's odds, which is the sigmoid of the mean of all logits."""

    def __init__(self, pass_order: PassOrder, classes: int, size_hw: Size) -> None:
        self._sum_chw: ProbabilitiesCHW = np.zeros((classes, *size_hw), dtype=np.float32)
        self._pass_order = pass_order
        self._spare_hw = np.empty(size_hw, dtype=np.float32)
        self._for_hw = np.empty(size_hw, dtype=np.float32)
        self._against_hw = np.empty(size_hw, dtype=np.float32)

    def add(self, position: int, probabilities_chw: ProbabilitiesCHW) -> None:
        planned = self._pass_order[position]
        # OpenCV's logarithm of NaN may be a number.
        if not is_finite(probabilities_chw):
            self._sum_chw.fill(np.nan)
        for plane_hw, sum_hw in zip(probabilities_chw, self._sum_chw, strict=True):
            upright_hw = planned.view.restore(plane_hw, self._spare_hw)
            np.subtract(np.float32(1), upright_hw, out=self._against_hw)
            for side_hw, values_hw in ((self._for_hw, upright_hw), (self._against_hw, self._against_hw)):
                np.maximum(values_hw, np.float32(MIN_PROBABILITY), out=side_hw)
                cv2.log(side_hw, dst=side_hw)
            np.subtract(self._for_hw, self._against_hw, out=self._for_hw)
            cv2.scaleAdd(self._for_hw, planned.share, sum_hw, sum_hw)

    def merged(self) -> ProbabilitiesCHW:
        np.negative(self._sum_chw, out=self._sum_chw)
        np.exp(self._sum_chw, out=self._sum_chw)
        self._sum_chw += 1
        np.reciprocal(self._sum_chw, out=self._sum_chw)
        return self._sum_chw


class MaskVoteMerge:
    """Each pass gives its share to a class, above `THRESHOLD`, or to what the class is not.

    The result is the share of votes for each class. Ties go to the side that the highest-ranked pass voted
    for; see `VoteMerge`.
    """

    def __init__(self, pass_order: PassOrder, classes: int, size_hw: Size) -> None:
        shape = (2, classes, *size_hw)
        self._votes_schw: NDArray[np.float32] = np.zeros(shape, dtype=np.float32)
        self._best_rank_schw: NDArray[np.uint8] = np.zeros(shape, dtype=np.uint8)
        self._pass_order = pass_order
        self._spare_hw = np.empty(size_hw, dtype=np.float32)
        self._ranks = tie_break_ranks([(planned.member, planned.share) for planned in pass_order])

    def add(self, position: int, probabilities_chw: ProbabilitiesCHW) -> None:
        planned = self._pass_order[position]
        # A vote hides that the probabilities were NaN.
        if not is_finite(probabilities_chw):
            self._votes_schw.fill(np.nan)
        rank = np.uint8(self._ranks[position])
        for label, plane_hw in enumerate(probabilities_chw):
            is_for_hw = planned.view.restore(plane_hw, self._spare_hw) > np.float32(THRESHOLD)
            for side, voted_hw in enumerate((is_for_hw, ~is_for_hw)):
                self._votes_schw[side, label] += voted_hw * np.float32(planned.share)
                best_hw = self._best_rank_schw[side, label]
                np.maximum(best_hw, voted_hw * rank, out=best_hw)

    def merged(self) -> ProbabilitiesCHW:
        self._votes_schw += self._best_rank_schw * np.float32(TIE / HIGHEST_RANK)
        for_chw: ProbabilitiesCHW = self._votes_schw[0]
        for_chw /= self._votes_schw.sum(axis=0)
        return for_chw
