"""Checkpoints after each epoch: metrics, the best weights, and the state for resuming."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from seg.errors import DataError, ModelError
from seg.files.atomic import atomic_path, regular_file
from seg.labels.classes import ClassInfo
from seg.train.member.job import MakeCard
from seg.train.member.lightning_module import MemberModule
from seg.train.metrics.epoch_metrics import EpochMetrics, best_epoch
from seg.train.networks.checkpoint import save_checkpoint
from seg.train.run.folder import Row, RunFolder


class RunCheckpoint(Callback):
    """Updates the run folder after each epoch; `history` has the metrics of each epoch.

    `has_begun` is True once training has started, which means that an earlier state was loaded successfully.
    Each of several processes has the history; only the main process writes.

    `last.ckpt` is written last, so that a kill at any point is harmless: the run resumes from an epoch whose
    other files are complete, and writes the same files again.
    """

    def __init__(
        self, folder: RunFolder, module: MemberModule, classes: Sequence[ClassInfo], card_of: MakeCard
    ) -> None:
        self.history: list[EpochMetrics] = []
        self._folder = folder
        self._module = module
        self._classes = classes
        self._card_of = card_of
        self._start = time.monotonic()
        self._earlier_seconds = 0.0
        self.has_begun = False

    @property
    def seconds(self) -> float:
        """The time of training, that of earlier interrupted runs included."""
        return self._earlier_seconds + time.monotonic() - self._start

    @property
    def last_row(self) -> Row:
        """The last epoch's line of `metrics.csv`."""
        return self._row(len(self.history))

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.current_epoch != len(self.history):
            raise damaged_checkpoint_error(self._folder.last)
        self.has_begun = True

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.history.append(self._check_finite(self._module.compute_metrics()))
        epoch = len(self.history)
        if not trainer.is_global_zero:
            # Writes nothing, but all processes synchronise here.
            trainer.save_checkpoint(self._folder.last)
            return
        if best_epoch(self.history) == epoch:
            card = self._card_of(epoch, self.history[-1].score)
            save_checkpoint(self._folder.best, self._module.evaluated_segmenter.network, card)
        self._folder.write_metrics([self._row(number + 1) for number in range(epoch)])
        with atomic_path(self._folder.last) as temporary:
            trainer.save_checkpoint(temporary)

    def keep_mean(self, trainer: lightning.Trainer, metrics: EpochMetrics) -> None:
        """Replace the best epoch's weights by the mean of the last epochs, which is evaluated now."""
        if trainer.is_global_zero:
            card = self._card_of(len(self.history), metrics.score)
            save_checkpoint(self._folder.best, self._module.evaluated_segmenter.network, card)

    def state_dict(self) -> dict[str, Any]:
        return {"history": [asdict(metrics) for metrics in self.history], "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = [EpochMetrics(**metrics) for metrics in state_dict["history"]]
        self._earlier_seconds = float(state_dict["seconds"])

    def _check_finite(self, metrics: EpochMetrics) -> EpochMetrics:
        for split, loss in (("training", metrics.train_loss), ("validation", metrics.val_loss)):
            if not math.isfinite(loss):
                raise ModelError(
                    f"{self._folder.path}: the {split} loss is {loss} in epoch {len(self.history) + 1}:"
                    " lower the recipe's learning_rate"
                )
        if math.isnan(metrics.miou):
            raise DataError(f"{self._folder.path}: no pixel of the validation split has a label")
        return metrics

    def _row(self, epoch: int) -> Row:
        metrics = self.history[epoch - 1]
        return {
            "epoch": epoch,
            "learning_rate": metrics.learning_rate,
            "train_loss": metrics.train_loss,
            "val_loss": metrics.val_loss,
            "val_miou": metrics.miou,
            **({} if metrics.metric is None else {"val_metric": metrics.metric}),
        } | {f"iou {name}": iou for name, iou in iou_by_class_name(self._classes, metrics).items()}


def iou_by_class_name(classes: Sequence[ClassInfo], metrics: EpochMetrics) -> dict[str, float | None]:
    """The IoU of each class by name; None where it is absent."""
    return {c.name: None if math.isnan(iou) else iou for c, iou in zip(classes, metrics.iou, strict=True)}


def epochs_in_checkpoint(last: Path) -> int:
    """How many epochs a `last.ckpt` has completed; 0 if there is none.

    Raises:
        ModelError: the file is damaged.
    """
    if not last.exists():
        return 0
    try:
        state = torch.load(regular_file(last), map_location="cpu", weights_only=True)
        done = state["epoch"] + 1
        epochs = len(state["callbacks"][RunCheckpoint.__name__]["history"])
        is_whole = bool(state["optimizer_states"]) and bool(state["lr_schedulers"])
    except OSError:
        raise
    except Exception as error:
        # Unpickling arbitrary bytes can raise any exception.
        raise damaged_checkpoint_error(last) from error
    if not (is_whole and done == epochs > 0):
        raise damaged_checkpoint_error(last)
    return epochs


def damaged_checkpoint_error(last: Path) -> ModelError:
    """The error for a `last.ckpt` that cannot be resumed from."""
    return ModelError(f"{last}: is damaged: remove it, and this member is trained again")
