"""Cross entropy."""

from torch import Tensor

from seg.train.losses.labelled import pixel_cross_entropy, pixel_weights, weighted_mean


def cross_entropy(
    logits: Tensor, labels: Tensor, class_weights: Tensor, *, label_smoothing: float = 0.0
) -> Tensor:
    """Mean over labelled pixels, each with the weight of its class, smoothed or not.

    Source of the smoothing: Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7.
    """
    pixelwise = pixel_cross_entropy(logits, labels, label_smoothing)
    return weighted_mean(pixelwise, pixel_weights(labels, class_weights))
