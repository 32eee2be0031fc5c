"""Masking of ignored pixels, used by all losses: weights, one-hot labels, cross entropy, weighted mean."""

import torch
from torch import Tensor
from torch.nn import functional

from seg.labels.label_map import IGNORE_INDEX


def pixel_weights(labels: Tensor, class_weights: Tensor) -> Tensor:
    """The weight of each pixel's class, `[N, H, W]`; 0 for ignored pixels."""
    known = labels != IGNORE_INDEX
    return class_weights[labels.where(known, 0)] * known


def probabilities_and_truth(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Both `[N, C, H, W]`, in 0..1; at ignored pixels 0 for all classes."""
    known = labels != IGNORE_INDEX
    one_hot = functional.one_hot(labels.where(known, 0), logits.shape[1]).movedim(-1, 1)
    return logits.softmax(1) * known.unsqueeze(1), (one_hot * known.unsqueeze(1)).to(logits.dtype)


def pixel_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """`[N, H, W]`; 0 at ignored pixels."""
    return functional.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX, reduction="none")


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """0 where all weights are."""
    total = weights.sum()
    return (values * weights).sum() / torch.where(total > 0, total, 1)
