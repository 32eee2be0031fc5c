"""Intersection over union from one confusion matrix over a whole split."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seg.classes import ClassInfo
from seg.errors import DataError
from seg.labels import IGNORE_INDEX, LabelsHW

CountsCC = NDArray[np.int64]
"""Pixel counts, int64 `[C, C]`: rows are the truth, columns the prediction."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of one predictor over one split.

    `iou` holds each class by name; None for a class that neither truth nor prediction has. `miou`
    is the mean over the others: a class that is absent altogether neither helps nor hurts.
    """

    miou: float
    pixel_accuracy: float
    iou: dict[str, float | None]


class ConfusionMatrix:
    """Counts pixels of truth against prediction; pixels with the ignore index count nowhere."""

    def __init__(self, classes: int) -> None:
        self.counts_cc: CountsCC = np.zeros((classes, classes), dtype=np.int64)

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
        truth, predicted = truth_hw[known], predicted_hw[known]
        for name, labels in (("truth", truth), ("prediction", predicted)):
            if labels.size and labels.max() >= classes:
                raise DataError(f"the {name} has label {labels.max()}, but there are {classes} classes")
        pairs = truth.astype(np.intp) * classes + predicted
        self.counts_cc += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        return self

    def scores(self, classes: Sequence[ClassInfo]) -> Scores:
        """The figures so far; NaN where no pixel was counted."""
        hit = np.diag(self.counts_cc)
        union = self.counts_cc.sum(0) + self.counts_cc.sum(1) - hit
        iou = {
            c.name: float(hit[label] / union[label]) if union[label] else None
            for label, c in enumerate(classes)
        }
        present = [value for value in iou.values() if value is not None]
        pixels = self.counts_cc.sum()
        return Scores(
            miou=float(np.mean(present)) if present else float("nan"),
            pixel_accuracy=float(hit.sum() / pixels) if pixels else float("nan"),
            iou=iou,
        )
