"""Focal loss: cross entropy in which pixels with a confident correct prediction count less."""

from typing import Final

import torch
from torch import Tensor

from seg.train.losses.ignored_pixels import pixel_cross_entropy, pixel_weights, weighted_mean

_LEAST_HARDNESS: Final = 1e-6
"""Below it a power under 1 has no finite gradient."""


def focal_loss(logits: Tensor, labels: Tensor, class_weights: Tensor, *, gamma: float = 2.0) -> Tensor:
    """Cross entropy times (1 - p)^gamma, p being the softmax probability of the true class.

    Source: Lin et al., "Focal Loss for Dense Object Detection", 2017, equation 5, with the class weights
    as alpha.
    """
    pixelwise = pixel_cross_entropy(logits, labels)
    hardness = -torch.expm1(-pixelwise)
    return weighted_mean(
        hardness.clamp(min=_LEAST_HARDNESS) ** gamma * pixelwise, pixel_weights(labels, class_weights)
    )
