"""From merged probabilities to a label map."""

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.engine.passes import Size
from seg.labels import LabelsHW, ProbabilitiesCHW


def decide(probabilities_chw: ProbabilitiesCHW, size_hw: Size | None = None) -> LabelsHW:
    """The most probable class of each pixel, uint8 `[H, W]`; the lower label where two tie.

    With `size_hw`, probabilities are first averaged over the cells of that grid (or interpolated
    where it is finer), so that a pixel of the grid gets the class of most of its area.
    """
    grid_chw = on_grid(probabilities_chw, size_hw)
    best_hw = grid_chw[0].copy()
    ahead_hw = np.empty(best_hw.shape, dtype=np.bool_)
    labels_hw = np.zeros(best_hw.shape, dtype=np.uint8)
    for label, plane_hw in enumerate(grid_chw[1:], start=1):
        np.greater(plane_hw, best_hw, out=ahead_hw)
        # Labels only grow here, so a maximum writes the new one where the class is ahead.
        np.maximum(labels_hw, ahead_hw * np.uint8(label), out=labels_hw)
        np.maximum(best_hw, plane_hw, out=best_hw)
    return labels_hw


def leads(scores_chw: ProbabilitiesCHW) -> NDArray[np.float32]:
    """By how much each pixel's leading class is ahead of the second, float32 `[H, W]`."""
    first_hw: NDArray[np.float32] = scores_chw[0].copy()
    second_hw = np.full_like(first_hw, -np.inf)
    smaller_hw = np.empty_like(first_hw)
    for plane_hw in scores_chw[1:]:
        np.minimum(first_hw, plane_hw, out=smaller_hw)
        np.maximum(second_hw, smaller_hw, out=second_hw)
        np.maximum(first_hw, plane_hw, out=first_hw)
    first_hw -= second_hw
    return first_hw


def on_grid(probabilities_chw: ProbabilitiesCHW, size_hw: Size | None) -> ProbabilitiesCHW:
    """Probabilities resized plane by plane: by area when shrinking, else bilinearly."""
    height, width = probabilities_chw.shape[1:]
    if size_hw is None or (height, width) == size_hw:
        return probabilities_chw
    shrinks = size_hw[0] <= height and size_hw[1] <= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    planes = [cv2.resize(plane, size_hw[::-1], interpolation=method) for plane in probabilities_chw]
    return np.stack(planes).astype(np.float32, copy=False)
