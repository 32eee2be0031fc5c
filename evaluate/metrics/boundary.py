"""Boundary metrics of classes: boundary IoU and boundary F.

Boundary IoU (Cheng, Girshick, Dollar, Berg and Kirillov, "Boundary IoU", 2021): the IoU of those pixels of
both masks that lie within 2 % of the image's diagonal of their own mask's boundary.

Boundary F (Csurka, Larlus, Perronnin and Meylan, "What is a good evaluation measure for semantic
segmentation?", 2013): the harmonic mean of the shares of predicted and of true contour pixels that have one
of the other within 0.75 % of the diagonal.
"""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.evaluate.metrics.ratios import ratio_or_nan
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.labels.task import MasksCHW
from seg.metrics.metric import MaskHW

BAND: Final = 0.02
NEAR: Final = 0.0075

BoundaryC6 = NDArray[np.int64]
"""Counts of each class, int64 `[C, 6]`: band intersection and union, predicted contour pixels near a true
one and all of them, true ones near a predicted one and all of them."""


def count_boundaries(truth_hw: LabelsHW, predicted_hw: LabelsHW, classes: int) -> BoundaryC6:
    """Count one image; pixels with the ignore index in the truth are not counted."""
    known_hw = truth_hw != IGNORE_INDEX
    band, near = _boundary_widths(truth_hw.shape)
    counts = np.zeros((classes, 6), dtype=np.int64)
    present = set(np.unique(truth_hw).tolist()) | set(np.unique(predicted_hw[known_hw]).tolist())
    for label in sorted(present - {IGNORE_INDEX}):
        # Ignored pixels belong to both masks, so that they form no boundary.
        true_hw = (truth_hw == label) | (~known_hw & (predicted_hw == label))
        counts[label] = _count_boundaries_of_class(true_hw, predicted_hw == label, known_hw, band, near)
    return counts


def count_mask_boundaries(truth_chw: MasksCHW, predicted_chw: MasksCHW, labelled_hw: MaskHW) -> BoundaryC6:
    """Count one image of classes that overlap; see `TallyMasks`."""
    band, near = _boundary_widths(labelled_hw.shape)
    counts = np.zeros((len(truth_chw), 6), dtype=np.int64)
    for count_6, true_hw, predicted_hw in zip(counts, truth_chw, predicted_chw, strict=True):
        if true_hw.any() or (predicted_hw & labelled_hw).any():
            both_ignored_hw = true_hw | (~labelled_hw & predicted_hw)
            count_6[:] = _count_boundaries_of_class(both_ignored_hw, predicted_hw, labelled_hw, band, near)
    return counts


def boundary_iou(counts: BoundaryC6) -> NDArray[np.float64]:
    """The metric of each class, float64 `[C]`; NaN if neither truth nor prediction has it."""
    return ratio_or_nan(counts[:, 0], counts[:, 1])


def boundary_f(counts: BoundaryC6) -> NDArray[np.float64]:
    """The metric of each class, float64 `[C]`; NaN if neither truth nor prediction has it."""
    precision, recall = ratio_or_nan(counts[:, 2], counts[:, 3]), ratio_or_nan(counts[:, 4], counts[:, 5])
    found = np.nan_to_num(precision), np.nan_to_num(recall)
    harmonic = ratio_or_nan(2 * found[0] * found[1], found[0] + found[1])
    present = (counts[:, 3] > 0) | (counts[:, 5] > 0)
    return np.where(present, np.nan_to_num(harmonic), np.nan)


def _boundary_widths(size_hw: tuple[int, ...]) -> tuple[int, int]:
    """The width of the band of boundary IoU, and the distance of boundary F, in pixels."""
    diagonal = math.hypot(*size_hw)
    return max(1, round(BAND * diagonal)), max(1, round(NEAR * diagonal))


def _count_boundaries_of_class(
    true_hw: NDArray[np.bool_],
    predicted_hw: NDArray[np.bool_],
    known_hw: NDArray[np.bool_],
    band: int,
    near: int,
) -> list[int]:
    inside_true, inside_predicted = _depth_inside_mask(true_hw), _depth_inside_mask(predicted_hw)
    true_band = true_hw & (inside_true <= band) & known_hw
    predicted_band = predicted_hw & (inside_predicted <= band) & known_hw
    true_line = true_hw & (inside_true <= 1) & known_hw
    predicted_line = predicted_hw & (inside_predicted <= 1) & known_hw
    return [
        int((true_band & predicted_band).sum()),
        int((true_band | predicted_band).sum()),
        int((_distance_to_contour(true_line) <= near)[predicted_line].sum()),
        int(predicted_line.sum()),
        int((_distance_to_contour(predicted_line) <= near)[true_line].sum()),
        int(true_line.sum()),
    ]


def _depth_inside_mask(mask_hw: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Chessboard distance of each mask pixel to the outside; beyond the image is outside."""
    padded = np.pad(mask_hw.astype(np.uint8), 1)
    depth: NDArray[np.float32] = cv2.distanceTransform(padded, cv2.DIST_C, 3)[1:-1, 1:-1].astype(np.float32)
    return depth


def _distance_to_contour(line_hw: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The distance of each pixel to a contour, in pixels; infinite if there is no contour."""
    if not line_hw.any():
        return np.full(line_hw.shape, np.inf, dtype=np.float32)
    off_line = (~line_hw).astype(np.uint8)
    distance: NDArray[np.float32] = cv2.distanceTransform(
        off_line, cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    ).astype(np.float32)
    return distance
