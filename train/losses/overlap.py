"""Overlap losses: Dice, Jaccard and Tversky, on soft areas.

Areas are summed over the batch, and the mean is over the classes in the batch: the index of a class without
a labelled pixel is 0 for any prediction, so it carries no information.
"""

from typing import Final

from torch import Tensor

from seg.train.losses.ignored_pixels import probabilities_and_truth, weighted_mean

_LEAST_AREA: Final = 1e-7


def dice_loss(logits: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
    """Source: Milletari et al., "V-Net", 2016, section 3, with sums in place of squares."""
    return tversky_loss(logits, labels, class_weights, alpha=0.5, beta=0.5)


def jaccard_loss(logits: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
    """Source: Rahman and Wang, "Optimizing Intersection-Over-Union in Deep Neural Networks", 2016."""
    return tversky_loss(logits, labels, class_weights, alpha=1.0, beta=1.0)


def tversky_loss(
    logits: Tensor, labels: Tensor, class_weights: Tensor, *, alpha: float = 0.3, beta: float = 0.7
) -> Tensor:
    """Hits over hits + alpha x false positives + beta x false negatives.

    Source: Salehi et al., "Tversky loss function for image segmentation", 2017.
    """
    probabilities, truth = probabilities_and_truth(logits, labels)
    predicted_c, true_c = probabilities.sum((0, 2, 3)), truth.sum((0, 2, 3))
    hit_c = (probabilities * truth).sum((0, 2, 3))
    area_c = hit_c + alpha * (predicted_c - hit_c) + beta * (true_c - hit_c)
    index_c = hit_c / area_c.clamp(min=_LEAST_AREA)
    return weighted_mean(1 - index_c, class_weights * (true_c > 0))
