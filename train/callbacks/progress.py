"""Progress of a training run: one bar over all epochs, and a line for each."""

import time
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from seg.terminal.progress import Advance
from seg.train.callbacks.run_checkpoint import RunCheckpoint
from seg.train.metrics.epoch_metrics import best_epoch


class TrainingProgress(Callback):
    """Counts images of training and validation; prints the metrics that `checkpoint` holds."""

    def __init__(self, checkpoint: RunCheckpoint, advance: Advance, metric: str) -> None:
        self._checkpoint = checkpoint
        self._metric = metric
        self._advance = advance
        self._epoch_start = 0.0

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._epoch_start = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        images, _ = batch
        self._advance(len(images) * trainer.world_size)

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._advance(sum(len(images) for images, _ in batch) * trainer.world_size)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        history = self._checkpoint.history
        metrics, epoch = history[-1], len(history)
        best = best_epoch(history)
        verdict = "best" if best == epoch else f"best {history[best - 1].score:.4f} in epoch {best}"
        metric = "" if metrics.metric is None else f", val {self._metric} {metrics.metric:.4f}"
        self._advance(
            0,
            line=f"epoch {epoch}/{trainer.max_epochs}: train loss {metrics.train_loss:.4f},"
            f" val loss {metrics.val_loss:.4f}, val mIoU {metrics.miou:.4f}{metric} ({verdict}),"
            f" {time.monotonic() - self._epoch_start:.0f} s",
        )
