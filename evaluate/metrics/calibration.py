"""Calibration of probabilities: whether 80 % of the pixels with a confidence of 80 % are correct.

The expected calibration error is the mean over pixels of the gap between confidence and accuracy of
their bin (Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.decision import decide_labels
from seg.labels.label_map import IGNORE_INDEX, LabelsHW, ProbabilitiesCHW
from seg.labels.task import LabelMap, ignored_in, masks_of

BINS: Final = 15


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Pixels whose confidence lies in one bin: their share of all, mean confidence and accuracy."""

    share: float
    confidence: float
    accuracy: float


class Reliability:
    """Accumulates images one by one, binned by the confidence in the most probable class.

    Example:
        >>> import numpy as np
        >>> from seg.evaluate import Reliability
        >>> reliability = Reliability()
        >>> probabilities_chw = np.array([[[0.75, 0.75]], [[0.25, 0.25]]], dtype=np.float32)
        >>> reliability.add(np.array([[0, 1]], dtype=np.uint8), probabilities_chw)
        >>> reliability.expected_error
        0.25
    """

    def __init__(self) -> None:
        self._pixels = np.zeros(BINS)
        self._confidence = np.zeros(BINS)
        self._right = np.zeros(BINS)

    def add(self, truth_hw: LabelsHW, probabilities_chw: ProbabilitiesCHW) -> None:
        """Count one image; pixels with the ignore index are not counted."""
        known_hw = truth_hw != IGNORE_INDEX
        confidence: NDArray[np.float32] = probabilities_chw.max(0)[known_hw]
        self.count(confidence, (decide_labels(probabilities_chw) == truth_hw)[known_hw])

    def count(self, confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> None:
        """Count any decisions, `[n]`: how sure each is, and whether it is right."""
        bins = np.clip((confidence * BINS).astype(np.intp), 0, BINS - 1)
        self._pixels += np.bincount(bins, minlength=BINS)
        self._confidence += np.bincount(bins, weights=confidence, minlength=BINS)
        self._right += np.bincount(bins, weights=right, minlength=BINS)

    def add_overlapping(self, truth_hw: LabelMap, probabilities_chw: ProbabilitiesCHW) -> None:
        """Count one image of classes that overlap: at each pixel, each class is there or not."""
        classes = len(probabilities_chw)
        truth_chw = masks_of(truth_hw, "multilabel", classes).astype(np.uint8)
        truth_chw[:, ignored_in(truth_hw, "multilabel", classes)] = IGNORE_INDEX
        width = truth_hw.shape[1]
        there = probabilities_chw.reshape(-1, width)
        self.add(truth_chw.reshape(-1, width), np.stack([1 - there, there]))

    @property
    def bins(self) -> tuple[ReliabilityBin, ...]:
        """The bins that have pixels, the least confident first."""
        total = self._pixels.sum()
        return tuple(
            ReliabilityBin(float(pixels / total), float(confidence / pixels), float(right / pixels))
            for pixels, confidence, right in zip(self._pixels, self._confidence, self._right, strict=True)
            if pixels
        )

    @property
    def mean_confidence(self) -> float:
        return float(self._confidence.sum() / self._pixels.sum())

    @property
    def accuracy(self) -> float:
        return float(self._right.sum() / self._pixels.sum())

    @property
    def expected_error(self) -> float:
        """The expected calibration error, a share in 0..1."""
        return sum(b.share * abs(b.confidence - b.accuracy) for b in self.bins)
