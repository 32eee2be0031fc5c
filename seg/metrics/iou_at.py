"""The share of thresholds that the IoU of an image's class is above; both empty count as 1.

The metric of the TGS Salt Identification Challenge, where an image's mask is one object: it is hit at a
threshold if its IoU is greater.
"""

from collections.abc import Sequence

from seg.metrics.metric import MaskHW, TallyClass
from seg.metrics.overlap import count_overlap


def tally_iou_at(thresholds: Sequence[float]) -> TallyClass:
    """The metric at these thresholds."""

    def tally(truth_hw: MaskHW, predicted_hw: MaskHW, labelled_hw: MaskHW) -> tuple[float, float]:
        iou = count_overlap(truth_hw, predicted_hw, labelled_hw).iou
        return sum(iou > threshold for threshold in thresholds) / len(thresholds), 1.0

    return tally
