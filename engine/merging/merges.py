"""Merges of the probabilities of a frame's passes: mean, geometric mean and vote behind one interface.

Each holds one float32 `[C, H, W]`, whatever the number of passes, and makes no temporary larger
than a plane. The order of additions is the caller's, and decides the last bit of a sum.
"""

from collections.abc import Sequence
from typing import Final, Protocol, assert_never

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.decision import decide_labels
from seg.engine.merging.sigmoid_merges import MaskVoteMerge, OddsMerge
from seg.engine.merging.stacked_merge import StackedMerge
from seg.engine.merging.tie_break import HIGHEST_RANK, MIN_PROBABILITY, TIE, tie_break_ranks
from seg.engine.passes.finite import is_finite
from seg.engine.passes.merge_shares import specialist_classes
from seg.engine.passes.passes import PassOrder, Size
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import Task, classes_overlap
from seg.spec.ensemble.prediction import MergeName
from seg.spec.ensemble.stacking import Stacking

LEAST_PROPORTION: Final = 1e-4


class Merge(Protocol):
    """Accumulates the probabilities of a frame's passes, each with its position in the pass order."""

    def add(self, position: int, probabilities_chw: ProbabilitiesCHW) -> None:
        """Add the probabilities of one pass, in the pass's own view."""
        ...

    def merged(self) -> ProbabilitiesCHW:
        """The merged probabilities, in the frame's own orientation. Called once, at the end."""
        ...


def new_merge(
    name: MergeName,
    pass_order: PassOrder,
    classes: int,
    size_hw: Size,
    task: Task = "multiclass",
    stacking: Stacking | None = None,
) -> Merge:
    """An empty merge of that name for a frame of that size; a mean may be corrected by a stacking."""
    overlap = classes_overlap(task)
    match name:
        case "mean":
            mean = MeanMerge(pass_order, classes, size_hw, task)
            return StackedMerge(mean, stacking, pass_order, classes, size_hw) if stacking else mean
        case "geometric":
            return (OddsMerge if overlap else GeometricMerge)(pass_order, classes, size_hw)
        case "vote":
            return (MaskVoteMerge if overlap else VoteMerge)(pass_order, classes, size_hw)
        case _:
            assert_never(name)


class MeanMerge:
    """The weighted mean of probabilities, normalised where shares differ between classes.

    Attributes:
        sum_chw: the weighted sum of probabilities so far.
        missing_c: for each class the sum of the shares that are not added yet; above 0 at the end if the
            frame exited early.
    """

    def __init__(self, pass_order: PassOrder, classes: int, size_hw: Size, task: Task = "multiclass") -> None:
        self.sum_chw: ProbabilitiesCHW = np.zeros((classes, *size_hw), dtype=np.float32)
        self.missing_c: NDArray[np.float64] = np.ones(classes)
        self._task = task
        self._pass_order = pass_order
        self._spare_hw = np.empty(size_hw, dtype=np.float32)

    def add(self, position: int, probabilities_chw: ProbabilitiesCHW) -> None:
        planned = self._pass_order[position]
        for label, (plane_hw, sum_hw) in enumerate(zip(probabilities_chw, self.sum_chw, strict=True)):
            share = planned.share_of(label)
            cv2.scaleAdd(planned.view.restore(plane_hw, self._spare_hw), share, sum_hw, sum_hw)
        self.missing_c -= planned.class_shares or planned.share

    def merged(self) -> ProbabilitiesCHW:
        return normalise_merged(self.sum_chw, self._pass_order, self.missing_c, self._task)


def normalise_merged(
    sum_chw: ProbabilitiesCHW,
    pass_order: PassOrder,
    missing_c: NDArray[np.float64],
    task: Task = "multiclass",
) -> ProbabilitiesCHW:
    """Normalise a weighted sum of probabilities in place, so that it sums to 1 over C; see `MeanMerge`.

    Where a member knows some classes only, the others are scaled to what these leave. Classes that overlap
    are not normalised over C: the shares of each sum to 1.
    """
    if pass_order[0].class_shares and not classes_overlap(task):
        _fill_up_unspecialised(sum_chw, specialist_classes([planned.class_shares for planned in pass_order]))
        sum_chw /= sum_chw.sum(axis=0)
    elif (scale := scale_of_partial_sum(missing_c)) != 1:
        sum_chw *= scale
    return sum_chw


def scale_of_partial_sum(missing_c: NDArray[np.float64]) -> np.float32:
    """What a sum is multiplied by, so that the shares that were added count as all."""
    is_whole = np.isclose(missing_c[0], 0.0, atol=1e-6)
    return np.float32(1) if is_whole else np.float32(1.0 / (1.0 - missing_c[0]))


def _fill_up_unspecialised(sum_chw: ProbabilitiesCHW, is_specialist: Sequence[bool]) -> None:
    """Give the classes of no specialist what those of specialists leave of 1, in their own proportions.

    `LEAST_PROPORTION` is added to each, so that nothing divides by a sum that is nearly 0.
    """
    if not any(is_specialist) or all(is_specialist):
        return
    left_hw = np.ones(sum_chw.shape[1:], dtype=np.float32)
    others_hw = np.zeros_like(left_hw)
    for plane_hw, is_own in zip(sum_chw, is_specialist, strict=True):
        if is_own:
            left_hw -= plane_hw
        else:
            np.add(plane_hw, np.float32(LEAST_PROPORTION), out=plane_hw)
            others_hw += plane_hw
    np.maximum(left_hw, 0, out=left_hw)
    left_hw /= others_hw
    for label, is_own in enumerate(is_specialist):
        if not is_own:
            sum_chw[label] *= left_hw


class GeometricMerge:
    """The weighted geometric mean of probabilities, normalised over the classes.

    The same as the softmax of the mean of all logits: a pass that rules a class out outweighs
    several that are uncertain.
    """

    def __init__(self, pass_order: PassOrder, classes: int, size_hw: Size) -> None:
        self._sum_chw: ProbabilitiesCHW = np.zeros((classes, *size_hw), dtype=np.float32)
        self._pass_order = pass_order
        self._spare_hw = np.empty(size_hw, dtype=np.float32)
        self._log_hw = np.empty(size_hw, dtype=np.float32)

    def add(self, position: int, probabilities_chw: ProbabilitiesCHW) -> None:
        planned = self._pass_order[position]
        # OpenCV's logarithm of NaN may be a number.
        if not is_finite(probabilities_chw):
            self._sum_chw.fill(np.nan)
        for plane_hw, sum_hw in zip(probabilities_chw, self._sum_chw, strict=True):
            upright_hw = planned.view.restore(plane_hw, self._spare_hw)
            np.maximum(upright_hw, np.float32(MIN_PROBABILITY), out=self._log_hw)
            cv2.log(self._log_hw, dst=self._log_hw)
            cv2.scaleAdd(self._log_hw, planned.share, sum_hw, sum_hw)

    def merged(self) -> ProbabilitiesCHW:
        self._sum_chw -= self._sum_chw.max(axis=0)
        np.exp(self._sum_chw, out=self._sum_chw)
        self._sum_chw /= self._sum_chw.sum(axis=0)
        return self._sum_chw


class VoteMerge:
    """Each pass gives its share to its most probable class.

    The result is the share of each class. Ties go to the class that the highest-ranked pass voted for: a pass
    of the member with the most weight, and among those the first in the pass order.
    """

    def __init__(self, pass_order: PassOrder, classes: int, size_hw: Size) -> None:
        self._votes_chw: ProbabilitiesCHW = np.zeros((classes, *size_hw), dtype=np.float32)
        self._best_rank_chw: NDArray[np.uint8] = np.zeros((classes, *size_hw), dtype=np.uint8)
        self._pass_order = pass_order
        self._ranks = [
            np.uint8(one)
            for one in tie_break_ranks([(planned.member, planned.share) for planned in pass_order])
        ]

    def add(self, position: int, probabilities_chw: ProbabilitiesCHW) -> None:
        planned = self._pass_order[position]
        # A vote hides that the probabilities were NaN.
        if not is_finite(probabilities_chw):
            self._votes_chw.fill(np.nan)
        if planned.view.scale == 1:
            labels_hw = planned.view.invert(decide_labels(probabilities_chw))
        else:
            labels_hw = decide_labels(planned.view.restore_all(probabilities_chw, self._votes_chw.shape[1:]))
        for label in range(len(self._votes_chw)):
            voted_hw = labels_hw == label
            self._votes_chw[label] += voted_hw * np.float32(planned.share)
            np.maximum(
                self._best_rank_chw[label], voted_hw * self._ranks[position], out=self._best_rank_chw[label]
            )

    def merged(self) -> ProbabilitiesCHW:
        for label, best_rank_hw in enumerate(self._best_rank_chw):
            self._votes_chw[label] += best_rank_hw * np.float32(TIE / HIGHEST_RANK)
        self._votes_chw /= self._votes_chw.sum(axis=0)
        return self._votes_chw
