"""Masking of ignored pixels, used by all losses: weights, one-hot labels, cross entropy, weighted mean.

Labels are of one class a pixel, `[N, H, W]`, or planes of classes that overlap, `[N, C, H, W]`.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from seg.labels.label_map import IGNORE_INDEX

_PLANE_DIMS: Final = 4


def are_planes(labels: Tensor) -> bool:
    """Whether labels are the planes of classes that overlap."""
    return labels.ndim == _PLANE_DIMS


def pixel_weights(labels: Tensor, class_weights: Tensor) -> Tensor:
    """The weight of each pixel's class, or in planes that of the plane's; 0 for ignored pixels."""
    known = labels != IGNORE_INDEX
    if are_planes(labels):
        return class_weights[:, None, None] * known
    return class_weights[labels.where(known, 0)] * known


def probabilities_and_truth(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Both `[N, C, H, W]`, in 0..1; at ignored pixels 0 for all classes."""
    known = labels != IGNORE_INDEX
    if are_planes(labels):
        return logits.sigmoid() * known, ((labels == 1) & known).to(logits.dtype)
    one_hot = functional.one_hot(labels.where(known, 0), logits.shape[1]).movedim(-1, 1)
    return logits.softmax(1) * known.unsqueeze(1), (one_hot * known.unsqueeze(1)).to(logits.dtype)


def pixel_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """In the shape of the labels, of planes the binary cross entropy; 0 at ignored pixels."""
    if are_planes(labels):
        truth = (labels == 1).to(logits.dtype)
        pixelwise = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return pixelwise * (labels != IGNORE_INDEX)
    return functional.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX, reduction="none")


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """0 where all weights are."""
    total = weights.sum()
    return (values * weights).sum() / torch.where(total > 0, total, 1)
