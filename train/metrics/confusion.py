"""Intersection over union from one confusion matrix over a whole split, on any device."""

import torch
from torch import Tensor

from seg.labels import IGNORE_INDEX


def confusion_matrix(truth: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Pixel counts, int64 `[C, C]`: rows are the truth, columns the prediction.

    Both are int64 label maps of one shape. Pixels whose truth is the ignore index count nowhere.
    """
    known = truth != IGNORE_INDEX
    pairs = truth[known] * classes + predicted[known]
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def iou_per_class(counts_cc: Tensor) -> Tensor:
    """Float64 `[C]`; NaN for a class that neither truth nor prediction has."""
    counts = counts_cc.double()
    hit = counts.diagonal()
    return hit / (counts.sum(0) + counts.sum(1) - hit)
