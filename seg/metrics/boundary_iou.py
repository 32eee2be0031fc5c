"""IoU of those pixels of both masks that are near the boundary of their own, over all pixels of a split.

Near is within 2 % of the image's diagonal.

Source: Cheng, Girshick, Dollar, Berg and Kirillov, "Boundary IoU", 2021.
"""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.metrics.metric import MaskHW

BAND: Final = 0.02


def tally_boundary_iou(truth_hw: MaskHW, predicted_hw: MaskHW, labelled_hw: MaskHW) -> tuple[float, float]:
    """The intersection and the union, in pixels, of the bands along both masks' boundaries."""
    # Pixels without a label belong to both masks, so that they form no boundary.
    truth_hw = truth_hw | (predicted_hw & ~labelled_hw)
    width = band_width(truth_hw.shape)
    true_hw, found_hw = (boundary_band(mask, width) & labelled_hw for mask in (truth_hw, predicted_hw))
    return int(np.count_nonzero(true_hw & found_hw)), int(np.count_nonzero(true_hw | found_hw))


def band_width(size_hw: tuple[int, ...], share: float = BAND) -> int:
    """A share of the diagonal, in pixels, at least 1."""
    return max(1, round(share * math.hypot(*size_hw)))


def boundary_band(mask_hw: MaskHW, width: int) -> MaskHW:
    """The pixels of a mask that are at most so far from the outside."""
    return np.asarray(mask_hw & (depth_in_mask(mask_hw) <= width))


def depth_in_mask(mask_hw: MaskHW) -> NDArray[np.float32]:
    """Chessboard distance of each mask pixel to the outside; beyond the image is outside."""
    padded = np.pad(mask_hw.astype(np.uint8), 1)
    depth_hw = cv2.distanceTransform(padded, cv2.DIST_C, 3)[1:-1, 1:-1]
    return np.asarray(depth_hw, dtype=np.float32)
