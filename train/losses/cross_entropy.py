"""Cross entropy."""

import torch
from torch import Tensor
from torch.nn import functional

from seg.labels.label_map import IGNORE_INDEX
from seg.train.losses.ignored_pixels import pixel_weights


def cross_entropy(
    logits: Tensor, labels: Tensor, class_weights: Tensor, *, label_smoothing: float = 0.0
) -> Tensor:
    """Mean over labelled pixels, each with the weight of its class, smoothed or not.

    Smoothed, a pixel has a term for each class, which has the weight of that class. What
    `torch.nn.functional.cross_entropy` gives; but 0 where no label has a weight.

    Source of the smoothing: Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7.
    """
    total = functional.cross_entropy(
        logits,
        labels,
        class_weights.to(logits.dtype),
        ignore_index=IGNORE_INDEX,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    weight = pixel_weights(labels, class_weights).sum()
    return total / torch.where(weight > 0, weight, 1) * (weight > 0)
