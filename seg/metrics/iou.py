"""IoU of each image and class, the mean over both: 1 where truth and prediction are empty."""

from seg.metrics.metric import MaskHW
from seg.metrics.overlap import count_overlap


def tally_iou(truth_hw: MaskHW, predicted_hw: MaskHW, labelled_hw: MaskHW) -> tuple[float, float]:
    return count_overlap(truth_hw, predicted_hw, labelled_hw).iou, 1.0
