"""A training batch after mixing: images, and label maps with their shares of the loss."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class MixedBatch:
    """Images `[N, H, W, channels]`, and label maps uint8 `[N, H, W]` with their shares of the loss.

    Images are uint8 RGB, or of bands in 0..1. A student's label maps have soft labels stacked behind them,
    `[N, H, W, 1 + C]`.
    """

    images: Tensor
    targets: tuple[tuple[Tensor, float], ...]

    def loss(self, loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor) -> Tensor:
        """The sum of the losses against each label map, weighted by its share."""
        return torch.stack([share * loss(logits, labels) for labels, share in self.targets]).sum()


def mask_like_labels(pixels_nhw: Tensor, labels: Tensor) -> Tensor:
    """A pixel mask `[N, H, W]`, with a channel axis added if the labels have one."""
    return pixels_nhw if labels.ndim == pixels_nhw.ndim else pixels_nhw.unsqueeze(-1)
