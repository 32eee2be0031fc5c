"""Connected regions as objects: at each threshold hits among hits, misses and false alarms.

The metric of the 2018 Data Science Bowl: a region is hit if one of the other mask has a greater IoU with it
than the threshold, from 0.5 on, so that it has no more than one. An image without any region counts as 1.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.metrics.metric import MaskHW, TallyClass


def tally_region_iou_at(thresholds: Sequence[float]) -> TallyClass:
    """The metric at these thresholds."""

    def tally(truth_hw: MaskHW, predicted_hw: MaskHW, labelled_hw: MaskHW) -> tuple[float, float]:
        iou_tp = region_ious(truth_hw, predicted_hw & labelled_hw)
        if not iou_tp.size:
            return float(iou_tp.shape == (0, 0)), 1.0
        best_t = iou_tp.max(1)
        hits = [np.count_nonzero(best_t > threshold) for threshold in thresholds]
        regions = sum(iou_tp.shape)
        return float(np.mean([hit / (regions - hit) for hit in hits])), 1.0

    return tally


def region_ious(truth_hw: MaskHW, predicted_hw: MaskHW) -> NDArray[np.float64]:
    """IoU of each region of the truth with each one of the prediction, float64 `[T, P]`."""
    (true, true_hw), (predicted, found_hw) = (
        cv2.connectedComponents(mask.astype(np.uint8), connectivity=8) for mask in (truth_hw, predicted_hw)
    )
    pairs = np.bincount((true_hw * predicted + found_hw).ravel(), minlength=true * predicted)
    both_tp = pairs.reshape(true, predicted)
    area_t, area_p = both_tp.sum(1)[1:], both_tp.sum(0)[1:]
    both_tp = both_tp[1:, 1:]
    return np.asarray(both_tp / np.maximum(area_t[:, None] + area_p - both_tp, 1))
