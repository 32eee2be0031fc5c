"""The training and validation step."""

from collections.abc import Sequence

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from seg.spec.recipe import RecipeSpec
from seg.train.confusion import count_pixels, iou_per_class
from seg.train.figures import Figures, RunningMean
from seg.train.losses import LossMix
from seg.train.optimise import build_optimiser
from seg.train.samples import Sample
from seg.train.schedule import build_schedule
from seg.train.seeds import seed_of
from seg.train.segmenter import Segmenter


class MemberModule(lightning.LightningModule):
    """One member in training, for a given number of optimiser steps."""

    confusion: Tensor

    def __init__(self, segmenter: Segmenter, recipe: RecipeSpec, classes: int, steps: int) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.recipe = recipe
        self.steps = steps
        self.loss = LossMix(recipe.loss)
        self.train_loss = RunningMean()
        self.val_loss = RunningMean()
        self.register_buffer("confusion", torch.zeros(classes, classes, dtype=torch.int64), persistent=False)

    def on_train_epoch_start(self) -> None:
        # Dropout draws from torch's generator: with a seed for each epoch a resumed run draws the same.
        torch.manual_seed(seed_of(self.recipe.seed, self.current_epoch))

    def training_step(self, batch: Sample, batch_index: int) -> Tensor:
        images, labels = batch
        loss: Tensor = self.loss(self.segmenter(images), labels.long())
        self.train_loss.add(loss, len(images))
        return loss

    def validation_step(self, batches: Sequence[Sample], batch_index: int) -> None:
        for images, labels in batches:
            logits, truth = self.segmenter(images), labels.long()
            self.val_loss.add(self.loss(logits, truth), len(images))
            self.confusion += count_pixels(truth, logits.argmax(1), len(self.confusion))

    def take_figures(self) -> Figures:
        """The figures of the epoch that ends; what they were gathered in starts anew."""
        iou = iou_per_class(self.confusion)
        self.confusion.zero_()
        return Figures(
            train_loss=self.train_loss.take(),
            val_loss=self.val_loss.take(),
            miou=float(iou.nanmean()),
            iou=tuple(iou.tolist()),
            learning_rate=self.trainer.optimizers[0].param_groups[0]["lr"],
        )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimiser = build_optimiser(self.segmenter, self.recipe)
        schedule = build_schedule(optimiser, self.recipe.schedule, self.steps)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
