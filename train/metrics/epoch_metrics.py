"""The figures of an epoch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from seg.charts import draw_curves


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """What an epoch came to. `iou` has a class's position in the class list; NaN where it is absent.

    The losses are means over images. `miou` is the mean IoU of the classes that are not absent.
    """

    train_loss: float
    val_loss: float
    miou: float
    iou: tuple[float, ...]
    learning_rate: float


class RunningMean:
    """A mean over images that stays on their device until it is asked for."""

    def __init__(self) -> None:
        self._sum = torch.zeros((), dtype=torch.float64)
        self._count = 0

    def add(self, mean: Tensor, count: int) -> None:
        """Count in the mean, a scalar, of `count` more images."""
        self._sum = self._sum.to(mean.device) + mean.detach().double() * count
        self._count += count

    def take(self, total: Callable[[Tensor], Tensor]) -> float:
        """The mean so far, NaN without images; starts anew. `total` adds up what all processes have."""
        count = total(torch.full_like(self._sum, self._count))
        mean = float(total(self._sum) / count)
        self._sum, self._count = torch.zeros_like(self._sum), 0
        return mean


def best_epoch(history: Sequence[EpochMetrics]) -> int:
    """The epoch (from 1) with the highest mIoU; of equals, the first."""
    return 1 + max(range(len(history)), key=lambda position: history[position].miou)


def draw_history(path: Path, history: Sequence[EpochMetrics]) -> None:
    """Draw the losses, the mIoU and the learning rate over the epochs."""
    losses = {"train": [f.train_loss for f in history], "val": [f.val_loss for f in history]}
    panels = {
        "loss": losses,
        "val mIoU": {"val": [f.miou for f in history]},
        "learning rate": {"decoder": [f.learning_rate for f in history]},
    }
    draw_curves(path, panels, along="epoch")
