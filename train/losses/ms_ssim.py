"""Multi-scale structural similarity of probability maps and labels.

Source: Wang et al., "Multi-scale structural similarity for image quality assessment", 2003; as a loss of
segmentation Huang et al., "UNet 3+", 2020, section 2.2.
"""

from bisect import bisect_right
from typing import Final

from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from seg.train.losses.labelled import probabilities_and_truth, weighted_mean

_EXPONENTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_SIDES: Final = (11, 22, 44, 99, 176)
"""From which side on 1, 2, … scales fit: the smallest is not below the window, and torchmetrics takes it."""

LEAST_SIDE: Final = _SIDES[0]


def ms_ssim(logits: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
    """One minus the similarity of each class that an image shows, over as many of five scales as fit.

    Ignored pixels are 0 in both maps, and so alike. Contrast below 0, which has no power, is avoided by
    halving its distance to 1.
    """
    probabilities, truth = probabilities_and_truth(logits, labels)
    shown_nc = truth.amax((2, 3)) > 0
    if not shown_nc.any():
        return probabilities.sum()
    similarity = multiscale_structural_similarity_index_measure(
        probabilities[shown_nc].unsqueeze(1),
        truth[shown_nc].unsqueeze(1),
        reduction="none",
        data_range=1.0,
        betas=_exponents(min(labels.shape[1:])),
        normalize="simple",
    )
    return weighted_mean(1 - similarity, class_weights.expand(shown_nc.shape)[shown_nc])


def _exponents(side: int) -> tuple[float, ...]:
    """Those of the scales that fit, whose sum is 1."""
    fitting = _EXPONENTS[: bisect_right(_SIDES, side)]
    return tuple(exponent / sum(fitting) for exponent in fitting)
