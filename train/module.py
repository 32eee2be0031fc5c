"""The training and validation step."""

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor

from seg.labels import IGNORE_INDEX
from seg.spec.recipe import RecipeSpec
from seg.train.losses import LossMix
from seg.train.optimise import build_optimiser, build_schedule
from seg.train.samples import Batch
from seg.train.segmenter import Segmenter


class MemberModule(lightning.LightningModule):
    """One member in training.

    After each validation `val_loss`, `val_iou` (per class, NaN where a class is absent) and
    `val_miou` hold the figures over the whole split, from one confusion matrix.
    """

    confusion: Tensor

    def __init__(self, segmenter: Segmenter, recipe: RecipeSpec, classes: int) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.recipe = recipe
        self.loss = LossMix(recipe.loss)
        self.register_buffer("confusion", torch.zeros(classes, classes, dtype=torch.int64), False)
        self._train_losses: list[Tensor] = []
        self._val_losses: list[Tensor] = []
        self.train_loss = self.val_loss = self.val_miou = float("nan")
        self.val_iou: list[float] = []

    def on_train_epoch_start(self) -> None:
        # Dropout draws from torch's generator; a seed of its own for each epoch lets a resumed run
        # draw the same.
        torch.manual_seed(self.recipe.seed * 100_003 + self.current_epoch)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        images, labels = batch
        loss: Tensor = self.loss(self.segmenter(images), labels)
        self._train_losses.append(loss.detach())
        return loss

    def validation_step(self, batch: list[Batch], batch_index: int) -> None:
        for images, labels in batch:
            logits = self.segmenter(images)
            self._val_losses.append(self.loss(logits, labels).detach())
            self.confusion += _confusion(labels, logits.argmax(1), len(self.confusion))

    def on_validation_epoch_end(self) -> None:
        counts = self.confusion.double()
        hit = counts.diagonal()
        iou = hit / (counts.sum(0) + counts.sum(1) - hit)
        self.val_iou = iou.tolist()
        self.val_miou = float(iou.nanmean())
        self.val_loss = _mean(self._val_losses)
        self.train_loss = _mean(self._train_losses)
        self._val_losses.clear()
        self._train_losses.clear()
        self.confusion.zero_()

    def configure_optimizers(self) -> Mapping[str, Any]:
        optimiser = build_optimiser(self.segmenter, self.recipe)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = build_schedule(optimiser, self.recipe.schedule, steps)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def _confusion(truth: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Pixel counts `[C, C]`, rows being the truth."""
    known = truth != IGNORE_INDEX
    pairs = truth[known] * classes + predicted[known]
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def _mean(losses: list[Tensor]) -> float:
    return float(torch.stack(losses).mean()) if losses else float("nan")
