"""A batch to train on, mixed or not."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Mixed:
    """Images uint8 `[N, H, W, 3]`, and label maps uint8 `[N, H, W]` with their shares of the loss."""

    images: Tensor
    targets: tuple[tuple[Tensor, float], ...]

    def loss(self, loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor) -> Tensor:
        """The loss of the logits against each label map, times its share."""
        return torch.stack([share * loss(logits, labels) for labels, share in self.targets]).sum()
