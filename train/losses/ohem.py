"""Cross entropy of the hardest pixels alone (online hard example mining)."""

import math

from torch import Tensor

from seg.train.losses.ignored_pixels import pixel_cross_entropy, pixel_weights, weighted_mean


def ohem_loss(logits: Tensor, labels: Tensor, class_weights: Tensor, *, keep: float = 0.25) -> Tensor:
    """Mean over the share `keep` of the labelled pixels whose weighted cross entropy is highest.

    Source: Shrivastava et al., "Training Region-based Object Detectors with Online Hard Example Mining",
    2016; for pixels Wu et al., "Bridging Category-level and Instance-level Semantic Image Segmentation",
    2016, with a share in place of a number.
    """
    weights = pixel_weights(labels, class_weights)
    pixelwise_p, weights_p = pixel_cross_entropy(logits, labels)[weights > 0], weights[weights > 0]
    hardest = (pixelwise_p * weights_p).topk(math.ceil(keep * len(weights_p))).indices
    return weighted_mean(pixelwise_p[hardest], weights_p[hardest])
