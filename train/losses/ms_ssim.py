"""Multi-scale structural similarity of probability maps and labels.

Source: Wang et al., "Multi-scale structural similarity for image quality assessment", 2003; as a loss of
segmentation Huang et al., "UNet 3+", 2020, section 2.2. torchmetrics has it with a window in two dimensions,
which took a CPU fifteen times as long as one along rows and then along columns.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from seg.train.losses.ignored_pixels import probabilities_and_truth, weighted_mean

_EXPONENTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW: Final = 11
_SIGMA: Final = 1.5
_LUMINANCE: Final = 0.01**2
_CONTRAST: Final = 0.03**2

LEAST_SIDE: Final = _WINDOW


def ms_ssim_loss(logits: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
    """One minus the similarity of each class that an image shows, over as many of five scales as fit.

    Ignored pixels are 0 in both maps, and so alike. Height and width are at least `LEAST_SIDE`.
    """
    probabilities, truth = probabilities_and_truth(logits, labels)
    shown_nc = truth.amax((2, 3)) > 0
    if not shown_nc.any():
        return probabilities.sum()
    similarity = _similarity_over_scales(probabilities[shown_nc], truth[shown_nc])
    return weighted_mean(1 - similarity, class_weights.expand(shown_nc.shape)[shown_nc])


def _similarity_over_scales(maps: Tensor, others: Tensor) -> Tensor:
    """The similarity of K pairs of maps `[K, H, W]`, in 0..1.

    A term below 0 has no power: each is brought from -1..1 to 0..1 first.
    """
    exponents = _exponents_of_scales(min(maps.shape[1:]))
    product = maps.new_ones(len(maps))
    for number, exponent in enumerate(exponents, start=1):
        luminance, contrast = _structural_similarity(maps, others)
        term = (luminance * contrast if number == len(exponents) else contrast).mean((1, 2))
        product = product * ((term + 1) / 2) ** exponent
        maps, others = functional.avg_pool2d(maps, 2), functional.avg_pool2d(others, 2)
    return product


def _exponents_of_scales(side: int) -> tuple[float, ...]:
    """Those of the scales that fit, each half as large as the last; their sum is 1."""
    fitting = _EXPONENTS[: (side // _WINDOW).bit_length()]
    return tuple(exponent / sum(fitting) for exponent in fitting)


def _structural_similarity(maps: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance and contrast-and-structure at each place of the window."""
    mean, other_mean = _gaussian_window_mean(maps), _gaussian_window_mean(others)
    variance = (_gaussian_window_mean(maps**2) - mean**2).clamp(min=0)
    other_variance = (_gaussian_window_mean(others**2) - other_mean**2).clamp(min=0)
    covariance = _gaussian_window_mean(maps * others) - mean * other_mean
    return (
        (2 * mean * other_mean + _LUMINANCE) / (mean**2 + other_mean**2 + _LUMINANCE),
        (2 * covariance + _CONTRAST) / (variance + other_variance + _CONTRAST),
    )


def _gaussian_window_mean(maps: Tensor) -> Tensor:
    """The gaussian mean around each pixel whose window lies inside."""
    height, width = maps.shape[1:]
    return _gaussian_window_matrix(height, maps) @ maps @ _gaussian_window_matrix(width, maps).T


def _gaussian_window_matrix(length: int, like: Tensor) -> Tensor:
    """What maps a line to its gaussian means, `[length - 10, length]`."""
    places = torch.arange(length, device=like.device, dtype=like.dtype)
    offsets = places - places[: length - _WINDOW + 1, None] - _WINDOW // 2
    weights = torch.exp(-((offsets / _SIGMA) ** 2) / 2) * (offsets.abs() <= _WINDOW // 2)
    return weights / weights.sum(1, keepdim=True)
