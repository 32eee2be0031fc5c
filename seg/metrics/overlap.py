"""Pixels of one class in the truth, in the prediction, and in both."""

from typing import NamedTuple

import numpy as np

from seg.metrics.metric import MaskHW


class Overlap(NamedTuple):
    """Numbers of labelled pixels of one class in one image."""

    both: int
    truth: int
    predicted: int

    @property
    def either(self) -> int:
        return self.truth + self.predicted - self.both

    @property
    def iou(self) -> float:
        """1 where both are empty."""
        return self.both / self.either if self.either else 1.0

    @property
    def dice(self) -> float:
        """1 where both are empty."""
        return 2 * self.both / (self.truth + self.predicted) if self.either else 1.0


def count_overlap(truth_hw: MaskHW, predicted_hw: MaskHW, labelled_hw: MaskHW) -> Overlap:
    """Count the labelled pixels; see `TallyMasks`."""
    return Overlap(
        int(np.count_nonzero(truth_hw & predicted_hw)),
        int(np.count_nonzero(truth_hw)),
        int(np.count_nonzero(predicted_hw & labelled_hw)),
    )
