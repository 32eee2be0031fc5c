"""Confusion matrix over a split, and the intersection over union of each class, on any device."""

import torch
from torch import Tensor

from seg.labels.label_map import IGNORE_INDEX


def confusion_matrix(truth: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Pixel counts, int64 `[C, C]`: rows are the truth, columns the prediction.

    Both are int64 label maps of the same shape. Pixels whose truth is the ignore index are not counted.
    """
    known = truth != IGNORE_INDEX
    pairs = truth[known] * classes + predicted[known]
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def iou_per_class(counts_cc: Tensor) -> Tensor:
    """IoU, float64 `[C]`; NaN for a class that is in neither the truth nor the prediction."""
    counts = counts_cc.double()
    hit = counts.diagonal()
    return hit / (counts.sum(0) + counts.sum(1) - hit)
