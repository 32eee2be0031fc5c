"""From merged probabilities to a label map."""

import cv2
import numpy as np

from seg.engine.accumulate import ProbabilitiesCHW
from seg.engine.passes import Size
from seg.labels import LabelsHW


def decide(probabilities_chw: ProbabilitiesCHW, size_hw: Size | None = None) -> LabelsHW:
    """The most probable class of each pixel, uint8 `[H, W]`; the lower label where two tie.

    With `size_hw`, probabilities are first averaged over the cells of that grid (or interpolated
    where it is finer), so that a pixel of the grid gets the class of most of its area.
    """
    grid_chw = probabilities_chw if size_hw is None else on_grid(probabilities_chw, size_hw)
    best_hw = grid_chw[0].copy()
    labels_hw = np.zeros(best_hw.shape, dtype=np.uint8)
    for label, plane_hw in enumerate(grid_chw[1:], start=1):
        labels_hw[plane_hw > best_hw] = label
        np.maximum(best_hw, plane_hw, out=best_hw)
    return labels_hw


def on_grid(probabilities_chw: ProbabilitiesCHW, size_hw: Size) -> ProbabilitiesCHW:
    """Probabilities resized plane by plane: by area when shrinking, else bilinearly."""
    height, width = probabilities_chw.shape[1:]
    if (height, width) == size_hw:
        return probabilities_chw
    shrinks = size_hw[0] <= height and size_hw[1] <= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    planes = [cv2.resize(plane, size_hw[::-1], interpolation=method) for plane in probabilities_chw]
    return np.stack(planes).astype(np.float32, copy=False)
