"""Metrics of overlap from counts of pixels of many decisions at once, to search among them.

Metrics that need the shapes of masks have no such form. Their decisions are searched by Dice, and judged by
themselves.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seg.spec.ensemble.metric import MetricSpec

Numbers = NDArray[np.float64]


class Counts(NamedTuple):
    """Pixels of one class in both, in the truth, and in the prediction, of images `[..., I]`."""

    both: Numbers
    truth: Numbers
    predicted: Numbers

    def without(self, empty: NDArray[np.bool_]) -> "Counts":
        """The counts where the prediction is empty in some images."""
        return Counts(np.where(empty, 0, self.both), self.truth, np.where(empty, 0, self.predicted))


Tallies = Callable[[Counts], tuple[Numbers, Numbers]]
"""Part and whole of each image; see `Metric`."""


def dice(counts: Counts) -> tuple[Numbers, Numbers]:
    total = counts.truth + counts.predicted
    return np.where(total > 0, 2 * counts.both / np.maximum(total, 1), 1.0), np.ones_like(total)


def dataset_dice(counts: Counts) -> tuple[Numbers, Numbers]:
    return 2 * counts.both, counts.truth + counts.predicted


def iou(counts: Counts) -> tuple[Numbers, Numbers]:
    either = counts.truth + counts.predicted - counts.both
    return np.where(either > 0, counts.both / np.maximum(either, 1), 1.0), np.ones_like(either)


def miou(counts: Counts) -> tuple[Numbers, Numbers]:
    return counts.both, counts.truth + counts.predicted - counts.both


_TALLIES: Final[dict[str, Tallies]] = {
    "dice": dice,
    "dataset-dice": dataset_dice,
    "iou": iou,
    "miou": miou,
}


def tallies_of(metric: MetricSpec) -> Tallies:
    """The metric on counts; Dice for one that needs shapes."""
    at = metric.at_thresholds
    if at is None or at.name != "iou":
        return _TALLIES.get(metric.name, dice)

    def iou_at(counts: Counts) -> tuple[Numbers, Numbers]:
        value, whole = iou(counts)
        return np.mean([value > threshold for threshold in at.thresholds], axis=0), whole

    return iou_at


def class_score(tallies: Tallies, counts: Counts) -> Numbers:
    """The score of a class over images `[..., I]`; NaN where there is nothing to judge."""
    part, whole = (values.sum(-1) for values in tallies(counts))
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0))
