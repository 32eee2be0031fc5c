"""IoU over all pixels of a split, the mean over classes; classes that are nowhere are left out."""

from seg.metrics.metric import MaskHW
from seg.metrics.overlap import count_overlap


def tally_miou(truth_hw: MaskHW, predicted_hw: MaskHW, labelled_hw: MaskHW) -> tuple[float, float]:
    overlap = count_overlap(truth_hw, predicted_hw, labelled_hw)
    return overlap.both, overlap.either
