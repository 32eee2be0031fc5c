"""0.4 of Dice and 0.6 of nearness, which is 1 minus the Hausdorff distance as a share of the diagonal.

These are the weights of the UW-Madison GI Tract contest, which measures distances in whole scans; here they
are those of each image. Both empty count as 1, and one empty as 0.
"""

import math
from typing import Final

import cv2
import numpy as np

from seg.metrics.metric import MaskHW
from seg.metrics.overlap import count_overlap

DICE: Final = 0.4
NEARNESS: Final = 0.6


def tally_dice_hausdorff(truth_hw: MaskHW, predicted_hw: MaskHW, labelled_hw: MaskHW) -> tuple[float, float]:
    """The weighted sum of Dice and nearness for one class of an image, as a part of 1."""
    dice = count_overlap(truth_hw, predicted_hw, labelled_hw).dice
    distance = hausdorff_distance(truth_hw, predicted_hw & labelled_hw)
    nearness = max(0.0, 1 - distance / math.hypot(*truth_hw.shape))
    return DICE * dice + NEARNESS * nearness, 1.0


def hausdorff_distance(one_hw: MaskHW, another_hw: MaskHW) -> float:
    """The largest distance of a pixel of one mask to the nearest of the other, in pixels.

    0 if both are empty, infinite if one is.
    """
    if not (one_hw.any() and another_hw.any()):
        return math.inf if one_hw.any() or another_hw.any() else 0.0
    return max(_farthest_distance(one_hw, another_hw), _farthest_distance(another_hw, one_hw))


def _farthest_distance(from_hw: MaskHW, to_hw: MaskHW) -> float:
    distance_hw = cv2.distanceTransform((~to_hw).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float(distance_hw[from_hw].max())
