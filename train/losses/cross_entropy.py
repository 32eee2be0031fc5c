"""Cross entropy, and the binary cross entropy of classes that overlap."""

import torch
from torch import Tensor
from torch.nn import functional

from seg.labels.label_map import IGNORE_INDEX
from seg.train.losses.ignored_pixels import are_planes, pixel_weights, weighted_mean


def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    class_weights: Tensor,
    *,
    label_smoothing: float = 0.0,
    positive_weight: float = 1.0,
) -> Tensor:
    """Mean over labelled pixels, each with the weight of its class, smoothed or not.

    Smoothed, a pixel has a term for each class, which has the weight of that class. What
    `torch.nn.functional.cross_entropy` gives; but 0 where no label has a weight. `positive_weight` is for
    classes that overlap.

    Source of the smoothing: Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7.
    """
    if are_planes(labels):
        return _binary_cross_entropy_of_planes(
            logits, labels, class_weights, label_smoothing, positive_weight
        )
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


def _binary_cross_entropy_of_planes(
    logits: Tensor, planes: Tensor, class_weights: Tensor, label_smoothing: float, positive_weight: float
) -> Tensor:
    """Mean over the labelled pixels of all planes; the share of a pixel that is of the class counts
    `positive_weight` times.

    Smoothed, the truth is label_smoothing / 2 and 1 - label_smoothing / 2, as for a softmax of two classes.
    """
    truth = (planes == 1).to(logits.dtype) * (1 - label_smoothing) + label_smoothing / 2
    pixelwise = functional.binary_cross_entropy_with_logits(
        logits, truth, reduction="none", pos_weight=logits.new_tensor(positive_weight)
    )
    return weighted_mean(pixelwise, pixel_weights(planes, class_weights))
