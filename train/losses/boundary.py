"""Boundary-weighted cross entropy: pixels near another class count more.

Source: Ronneberger et al., "U-Net", 2015, equation 2, which raises weights between touching cells by the
distances to both; here by the distance to the boundary between two classes.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from seg.labels.label_map import IGNORE_INDEX
from seg.train.losses.ignored_pixels import pixel_cross_entropy, pixel_weights, weighted_mean


def boundary_loss(
    logits: Tensor, labels: Tensor, class_weights: Tensor, *, strength: float = 10.0, sigma: float = 5.0
) -> Tensor:
    """A pixel's weight is 1 + strength x exp(-d² / 2 sigma²).

    d is its chessboard distance, in pixels, to the nearest pixel that has a labelled one of another class
    among its eight neighbours.
    """
    weights = 1 + strength * _nearness_to_boundary(_on_boundary(labels), sigma)
    return weighted_mean(pixel_cross_entropy(logits, labels), weights * pixel_weights(labels, class_weights))


def _on_boundary(labels: Tensor) -> Tensor:
    known = labels != IGNORE_INDEX
    highest = _highest_nearby(labels.float().where(known, -1))
    lowest = -_highest_nearby(-labels.float())
    return known & (highest != lowest)


def _nearness_to_boundary(on_boundary: Tensor, sigma: float) -> Tensor:
    """exp(-d² / 2 sigma²), and 0 from three sigma on."""
    reached = nearness = on_boundary.float()
    for distance in range(1, math.ceil(3 * sigma)):
        reached = _highest_nearby(reached)
        nearness = torch.maximum(nearness, reached * math.exp(-(distance**2) / (2 * sigma**2)))
    return nearness


def _highest_nearby(values: Tensor) -> Tensor:
    """The highest value of a pixel and its eight neighbours."""
    return functional.max_pool2d(values, 3, stride=1, padding=1)
