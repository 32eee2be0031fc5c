"""Losses by name, and their weighted mix. Pixels with the ignore index have no say in any of them.

Each takes logits `[N, C, H, W]` and labels int64 `[N, H, W]` and returns a scalar.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.labels import IGNORE_INDEX
from seg.spec.recipe import LossName

Loss = Callable[[Tensor, Tensor], Tensor]

FOCAL_GAMMA = 2.0


class LossMix(nn.Module):
    """The sum of losses, each times its weight."""

    def __init__(self, weights: Mapping[LossName, float]) -> None:
        super().__init__()
        self.weights = dict(weights)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        parts = [weight * LOSSES[name](logits, labels) for name, weight in self.weights.items()]
        return torch.stack(parts).sum()


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over labelled pixels; 0 where there is none."""
    return _mean_over_labelled(_pixel_cross_entropy(logits, labels), labels)


def focal(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy times (1 - p)^2, p being the probability of the true class.

    Source: Lin et al., "Focal Loss for Dense Object Detection", 2017, equation 4.
    """
    pixelwise = _pixel_cross_entropy(logits, labels)
    hardness = (1 - torch.exp(-pixelwise)) ** FOCAL_GAMMA
    return _mean_over_labelled(hardness * pixelwise, labels)


def dice(logits: Tensor, labels: Tensor) -> Tensor:
    """One minus the mean Dice coefficient of the classes that the batch has.

    Source: Milletari et al., "V-Net", 2016, equation 1, with sums in place of squares.
    """
    known = (labels != IGNORE_INDEX).unsqueeze(1)
    probabilities = logits.softmax(1) * known
    truth = _one_hot(labels, logits.shape[1]) * known
    shared = (probabilities * truth).sum((0, 2, 3))
    total = probabilities.sum((0, 2, 3)) + truth.sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    coefficient = 2 * shared / total.clamp(min=1e-7)
    return ((1 - coefficient) * present).sum() / present.sum().clamp(min=1)


LOSSES: Mapping[LossName, Loss] = {"cross_entropy": cross_entropy, "focal": focal, "dice": dice}


def _pixel_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX, reduction="none")


def _mean_over_labelled(values: Tensor, labels: Tensor) -> Tensor:
    return values.sum() / (labels != IGNORE_INDEX).sum().clamp(min=1)


def _one_hot(labels: Tensor, classes: int) -> Tensor:
    inside = labels.masked_fill(labels == IGNORE_INDEX, 0)
    return functional.one_hot(inside, classes).permute(0, 3, 1, 2).float()
