"""The share of labelled pixels that are right; where classes overlap, of pixels and classes."""

import numpy as np

from seg.metrics.metric import MaskHW


def tally_right_pixels(truth_hw: MaskHW, predicted_hw: MaskHW, labelled_hw: MaskHW) -> tuple[float, float]:
    """Of the class's pixels in the truth."""
    return int(np.count_nonzero(truth_hw & predicted_hw)), int(np.count_nonzero(truth_hw))


def tally_right_decisions(truth_hw: MaskHW, predicted_hw: MaskHW, labelled_hw: MaskHW) -> tuple[float, float]:
    """Of all pixels, whether they are of the class or not."""
    right_hw = (truth_hw == predicted_hw) & labelled_hw
    return int(np.count_nonzero(right_hw)), int(np.count_nonzero(labelled_hw))
