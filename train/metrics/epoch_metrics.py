"""The metrics of an epoch: losses, IoU and learning rate; and the chart of their history."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from seg.pictures.charts import draw_curves


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """Losses are means over images. `iou` is in the order of the class list, NaN for an absent class.

    `miou` is the mean IoU of the classes that are not absent. `metric` is the spec's metric, None if that is
    mIoU.
    """

    train_loss: float
    val_loss: float
    miou: float
    iou: tuple[float, ...]
    learning_rate: float
    metric: float | None = None

    @property
    def score(self) -> float:
        """What epochs are judged by: the spec's metric."""
        return self.miou if self.metric is None else self.metric


class RunningMean:
    """A running mean over images that stays on their device until it is read."""

    def __init__(self) -> None:
        self._sum = torch.zeros((), dtype=torch.float64)
        self._count = 0

    def add(self, mean: Tensor, count: int) -> None:
        """Add the mean, a scalar, of `count` more images."""
        self._sum = self._sum.to(mean.device) + mean.detach().double() * count
        self._count += count

    def compute_and_reset(self, total: Callable[[Tensor], Tensor]) -> float:
        """The mean so far, NaN without images; then reset. `total` sums a tensor over all processes."""
        count = total(torch.full_like(self._sum, self._count))
        mean = float(total(self._sum) / count)
        self._sum, self._count = torch.zeros_like(self._sum), 0
        return mean


def best_epoch(history: Sequence[EpochMetrics]) -> int:
    """The epoch (from 1) with the highest score; the first of equals."""
    return 1 + max(range(len(history)), key=lambda position: history[position].score)


def draw_history(path: Path, history: Sequence[EpochMetrics]) -> None:
    """Draw the losses, the mIoU and the learning rate over the epochs."""
    losses = {"train": [f.train_loss for f in history], "val": [f.val_loss for f in history]}
    panels = {
        "loss": losses,
        "val mIoU": {"val": [f.miou for f in history]},
        "learning rate": {"decoder": [f.learning_rate for f in history]},
    }
    draw_curves(path, panels, along="epoch")
