"""The Lightning module: training and validation step, optimiser, and averages of the weights."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, cast

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from seg.metrics.metric import Metric
from seg.spec.recipe.recipe import RecipeSpec
from seg.train.batches.datasets import LabelledImage
from seg.train.losses import LossMix
from seg.train.losses.distillation import DistillationLoss
from seg.train.metrics.epoch_metrics import EpochMetrics, RunningMean
from seg.train.metrics.overlap_counts import iou_of_overlap, overlap_counts
from seg.train.metrics.spec_metric import tally_batch_for_metric
from seg.train.mixing import mix_batch, mixing_seed
from seg.train.networks.segmenter import Segmenter
from seg.train.optimiser.build import build_optimiser
from seg.train.optimiser.schedule import build_schedule
from seg.train.optimiser.weight_averaging import exponential_average, uniform_average
from seg.train.reproducibility.seeds import derive_seed


class MemberModule(lightning.LightningModule):
    """One member in training; `steps` is the number of optimiser steps per epoch.

    `metric` judges the epochs; None if it is mIoU.
    """

    overlap: Tensor
    tally: Tensor

    def __init__(
        self,
        segmenter: Segmenter,
        recipe: RecipeSpec,
        loss: LossMix | DistillationLoss,
        classes: int,
        steps: int,
        metric: Metric | None = None,
    ) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.average = exponential_average(segmenter, recipe.ema) if recipe.ema else None
        self.mean = uniform_average(segmenter) if recipe.average_last else None
        self.evaluates_mean = False
        self.recipe = recipe
        self.steps = steps
        self.loss = loss
        self.train_loss = RunningMean()
        self.val_loss = RunningMean()
        self.metric = metric
        self.register_buffer("overlap", torch.zeros(classes, 3, dtype=torch.int64), persistent=False)
        self.register_buffer("tally", torch.zeros(classes, 2, dtype=torch.float64), persistent=False)

    @property
    def evaluated_segmenter(self) -> Segmenter:
        """The weights to validate and save: trained, averaged (EMA), or at the end their mean (SWA)."""
        if self.mean and self.evaluates_mean:
            return cast(Segmenter, self.mean.module)
        return cast(Segmenter, self.average.module) if self.average else self.segmenter

    @property
    def epochs_in_mean(self) -> int:
        return int(self.mean.n_averaged) if self.mean else 0

    def on_train_epoch_start(self) -> None:
        # Dropout uses torch's generator: with a seed per epoch a resumed run draws the same numbers.
        torch.manual_seed(derive_seed(self.recipe.seed, self.current_epoch) + self.global_rank)

    def training_step(self, batch: LabelledImage, batch_index: int) -> Tensor:
        images, labels = batch
        seed = mixing_seed(self.recipe.seed, self.current_epoch, batch_index)
        mixed = mix_batch(images, labels, self.recipe.mix, seed)
        loss = mixed.loss(self.loss, self.segmenter(mixed.images))
        self.train_loss.add(loss, len(images))
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        if self.average:
            self.average.update_parameters(self.segmenter)

    def validation_step(self, batches: Sequence[LabelledImage], batch_index: int) -> None:
        for images, labels in batches:
            logits = self.evaluated_segmenter(images)
            self.val_loss.add(self.loss(logits, labels), len(images))
            self.overlap += overlap_counts(logits, labels)
            if self.metric:
                self.tally += tally_batch_for_metric(self.metric, logits, labels)

    def on_validation_start(self) -> None:
        """Average the statistics of batch normalisation over processes, each of which has its own."""
        if self.trainer.world_size == 1:
            return
        for buffer in chain(self.segmenter.buffers(), self.evaluated_segmenter.buffers()):
            if buffer.is_floating_point():
                buffer.copy_(self.trainer.strategy.reduce(buffer.clone(), reduce_op="mean"))

    def compute_metrics(self) -> EpochMetrics:
        """The metrics of the finished epoch over all processes; the running metrics are reset."""
        iou = iou_of_overlap(self._total(self.overlap.clone()))
        tally = self._total(self.tally.clone())
        self.overlap.zero_()
        self.tally.zero_()
        return EpochMetrics(
            train_loss=self.train_loss.compute_and_reset(self._total),
            val_loss=self.val_loss.compute_and_reset(self._total),
            miou=float(iou.nanmean()),
            iou=tuple(iou.tolist()),
            learning_rate=self.trainer.optimizers[0].param_groups[-1]["lr"],
            metric=self.metric.score(tally.cpu().numpy()[None]) if self.metric else None,
        )

    def _total(self, counted: Tensor) -> Tensor:
        """The sum over all processes."""
        return cast(Tensor, self.trainer.strategy.reduce(counted, reduce_op="sum"))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        recipe, network = self.recipe, self.segmenter.network
        optimiser = build_optimiser(network, recipe)
        warm_up = round(recipe.warm_up * self.steps)
        schedule = build_schedule(optimiser, recipe.schedule, recipe.epochs * self.steps, warm_up)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
