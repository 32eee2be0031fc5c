"""The confusion matrix of a whole split, and scores from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX, LabelsHW

CountsCC = NDArray[np.int64]
"""Pixel counts, int64 `[C, C + 1]`: rows are the truth, columns the prediction; the last column has
unlabelled predictions. It may be left out if every prediction has a class."""


class ClassTotals(NamedTuple):
    """Pixels of each class, int64 `[..., C]`: correct, in the truth, and in the prediction."""

    hit: NDArray[np.int64]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]


def totals_of_confusion(counts_cc: CountsCC) -> ClassTotals:
    """The totals of counts `[..., C, C + 1]` or `[..., C, C]`.

    A pixel without a predicted class is a false negative of its true class, and not a false positive,
    as in cityscapesScripts' `evalPixelLevelSemanticLabeling.py`.
    """
    hit = np.diagonal(counts_cc, axis1=-2, axis2=-1)
    return ClassTotals(hit, counts_cc.sum(-1), counts_cc.sum(-2)[..., : counts_cc.shape[-2]])


@dataclass(frozen=True, slots=True)
class ConfusionScores:
    """Scores of one predictor over one split.

    `iou` holds each class by name; None if neither truth nor prediction has it. `miou` is the mean over the
    other classes.
    """

    miou: float
    pixel_accuracy: float
    iou: dict[str, float | None]


class ConfusionMatrix:
    """Counts pixels of truth against prediction.

    Pixels whose truth is the ignore index are not counted; predictions of the ignore index have no class.

    Example:
        >>> import numpy as np
        >>> from seg.evaluate import ConfusionMatrix
        >>> truth = np.array([[0, 0, 1, 255]], dtype=np.uint8)
        >>> ConfusionMatrix(2).add(truth, np.array([[0, 1, 1, 1]], dtype=np.uint8)).counts_cc.tolist()
        [[1, 1, 0], [0, 1, 0]]
    """

    def __init__(self, classes: int) -> None:
        self.counts_cc: CountsCC = np.zeros((classes, classes + 1), dtype=np.int64)

    @classmethod
    def of(cls, counts_cc: CountsCC) -> Self:
        """A matrix with these counts."""
        matrix = cls(len(counts_cc))
        matrix.counts_cc = counts_cc
        return matrix

    def add(self, truth_hw: LabelsHW, predicted_hw: LabelsHW) -> Self:
        """Count one image: two label maps, uint8 `[H, W]`, of the same size.

        Raises:
            DataError: the sizes differ, or a label is not below the number of classes.
        """
        if truth_hw.shape != predicted_hw.shape:
            raise DataError(
                f"the prediction has size {predicted_hw.shape} and the labels {truth_hw.shape}:"
                " score predictions at the size of the labels"
            )
        classes = len(self.counts_cc)
        known = truth_hw != IGNORE_INDEX
        truth, predicted = truth_hw[known], predicted_hw[known].astype(np.intp)
        predicted[predicted == IGNORE_INDEX] = classes
        for name, labels, most in (("truth", truth, classes - 1), ("prediction", predicted, classes)):
            if labels.size and labels.max() > most:
                raise DataError(f"the {name} has label {labels.max()}, but there are {classes} classes")
        pairs = truth.astype(np.intp) * (classes + 1) + predicted
        self.counts_cc += np.bincount(pairs, minlength=self.counts_cc.size).reshape(self.counts_cc.shape)
        return self

    def scores(self, classes: Sequence[ClassInfo]) -> ConfusionScores:
        """The scores so far; NaN if no pixel was counted."""
        hit, truth, predicted = totals_of_confusion(self.counts_cc)
        union = truth + predicted - hit
        iou = {
            c.name: float(hit[label] / union[label]) if union[label] else None
            for label, c in enumerate(classes)
        }
        present = [value for value in iou.values() if value is not None]
        pixels = self.counts_cc.sum()
        return ConfusionScores(
            miou=float(np.mean(present)) if present else float("nan"),
            pixel_accuracy=float(hit.sum() / pixels) if pixels else float("nan"),
            iou=iou,
        )
