"""After each epoch: keep the figures, the best weights, and all that a resumed run needs."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from seg.classes import ClassInfo
from seg.errors import DataError, ModelError
from seg.files import atomic_path, regular
from seg.train.checkpoint import save_checkpoint
from seg.train.job import CardOf
from seg.train.module import MemberModule
from seg.train.run.figures import Figures, best_epoch
from seg.train.run.folder import Row, RunFolder


class RunCheckpoint(Callback):
    """Keeps the run folder up to date; `history` has the figures of each epoch.

    `has_begun` says whether training goes on, from what an earlier run left where there was one.

    Of several processes each has the history, and the first writes.

    The order of writing makes a kill harmless at any point: `last.ckpt` comes last, so a run resumes
    from an epoch whose other files are complete, and writes the same files again.
    """

    def __init__(
        self, folder: RunFolder, module: MemberModule, classes: Sequence[ClassInfo], card_of: CardOf
    ) -> None:
        self.history: list[Figures] = []
        self._folder = folder
        self._module = module
        self._classes = classes
        self._card_of = card_of
        self._start = time.monotonic()
        self._earlier_seconds = 0.0
        self.has_begun = False

    @property
    def seconds(self) -> float:
        """The time of training over all sittings."""
        return self._earlier_seconds + time.monotonic() - self._start

    @property
    def last_row(self) -> Row:
        """The last epoch's line of `metrics.csv`."""
        return self._row(len(self.history))

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.has_begun = True

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.history.append(self._sound(self._module.take_figures()))
        epoch = len(self.history)
        if not trainer.is_global_zero:
            # Writes nothing, but all processes meet there.
            trainer.save_checkpoint(self._folder.last)
            return
        if best_epoch(self.history) == epoch:
            card = self._card_of(epoch, self.history[-1].miou)
            save_checkpoint(self._folder.best, self._module.judged.network, card)
        self._folder.write_metrics([self._row(number + 1) for number in range(epoch)])
        with atomic_path(self._folder.last) as temporary:
            trainer.save_checkpoint(temporary)

    def keep_mean(self, trainer: lightning.Trainer, figures: Figures) -> None:
        """Put the mean of the last epochs, which is judged now, in the place of the best epoch."""
        if trainer.is_global_zero:
            card = self._card_of(len(self.history), figures.miou)
            save_checkpoint(self._folder.best, self._module.judged.network, card)

    def state_dict(self) -> dict[str, Any]:
        return {"history": [asdict(figures) for figures in self.history], "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = [Figures(**figures) for figures in state_dict["history"]]
        self._earlier_seconds = state_dict["seconds"]

    def _sound(self, figures: Figures) -> Figures:
        for split, loss in (("training", figures.train_loss), ("validation", figures.val_loss)):
            if not math.isfinite(loss):
                raise ModelError(
                    f"{self._folder.path}: the {split} loss is {loss} in epoch {len(self.history) + 1}:"
                    " lower the recipe's learning_rate"
                )
        if math.isnan(figures.miou):
            raise DataError(f"{self._folder.path}: no pixel of the validation split has a label")
        return figures

    def _row(self, epoch: int) -> Row:
        figures = self.history[epoch - 1]
        return {
            "epoch": epoch,
            "learning_rate": figures.learning_rate,
            "train_loss": figures.train_loss,
            "val_loss": figures.val_loss,
            "val_miou": figures.miou,
        } | {f"iou {name}": iou for name, iou in named_iou(self._classes, figures).items()}


def named_iou(classes: Sequence[ClassInfo], figures: Figures) -> dict[str, float | None]:
    """The IoU of each class by name; None where it is absent."""
    return {c.name: None if math.isnan(iou) else iou for c, iou in zip(classes, figures.iou, strict=True)}


def epochs_done(last: Path) -> int:
    """How many epochs a `last.ckpt` has behind it; 0 where there is none.

    Raises:
        ModelError: the file is damaged.
    """
    if not last.exists():
        return 0
    try:
        return int(torch.load(regular(last), map_location="cpu", weights_only=True)["epoch"]) + 1
    except OSError:
        raise
    except Exception as error:
        # An unpickler runs over whatever the file holds, and fails in as many ways.
        raise damaged(last) from error


def damaged(last: Path) -> ModelError:
    """The error of a `last.ckpt` that no run can go on from."""
    return ModelError(f"{last}: is damaged: remove it, and this member is trained anew")
