"""After each epoch: keep the best weights, the metrics, and all that a resumed run needs."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn

from seg.files import atomic_path
from seg.progress import Advance
from seg.train.module import MemberModule
from seg.train.run_folder import RunFolder

SaveBest = Callable[[Path, nn.Module, float, int], None]
"""Writes a network, given its mIoU and epoch (from 1), to a path."""


class Keeper(Callback):
    """Keeps the run folder up to date.

    The order of writing makes a kill harmless at any point: `last.ckpt` comes last, so a run resumes
    from an epoch whose other files are complete, and writes the same files again.
    """

    def __init__(
        self, folder: RunFolder, class_names: list[str], save_best: SaveBest, advance: Advance
    ) -> None:
        self._folder = folder
        self._class_names = class_names
        self._save_best = save_best
        self._advance = advance
        self._sitting_start = time.monotonic()
        self._earlier_seconds = 0.0
        self.rows: list[dict[str, float]] = []
        self.best_miou = float("-inf")
        self.best_epoch = 0
        self.best_iou: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        return self._earlier_seconds + time.monotonic() - self._sitting_start

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self._advance(len(batch[0]))

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        if not isinstance(pl_module, MemberModule):
            raise TypeError(f"MemberModule expected, got {type(pl_module).__name__}")
        self._take_figures(pl_module, trainer.current_epoch + 1)
        self._folder.write_metrics(self.rows)
        with atomic_path(self._folder.last) as temporary:
            trainer.save_checkpoint(temporary)

    def _take_figures(self, module: MemberModule, epoch: int) -> None:
        iou = dict(zip(self._class_names, module.val_iou, strict=True))
        optimiser = module.optimizers(use_pl_optimizer=False)
        if isinstance(optimiser, list):
            raise TypeError("one optimiser expected, got several")
        self.rows.append(
            {
                "epoch": epoch,
                "learning_rate": optimiser.param_groups[0]["lr"],
                "train_loss": module.train_loss,
                "val_loss": module.val_loss,
                "val_miou": module.val_miou,
                **{f"iou {name}": value for name, value in iou.items()},
            }
        )
        if module.val_miou > self.best_miou:
            self.best_miou, self.best_epoch, self.best_iou = module.val_miou, epoch, iou
            self._save_best(
                self._folder.best, module.segmenter.network, module.val_miou, epoch
            )
        self._advance(
            0,
            note=f"epoch {epoch}: loss {module.train_loss:.4f}, val mIoU {module.val_miou:.4f}"
            f" (best {self.best_miou:.4f})",
        )

    def state_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "best_miou": self.best_miou,
            "best_epoch": self.best_epoch,
            "best_iou": self.best_iou,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]
        self.best_miou = state_dict["best_miou"]
        self.best_epoch = state_dict["best_epoch"]
        self.best_iou = state_dict["best_iou"]
        self._earlier_seconds = state_dict["seconds"]


def epochs_done(last: Path) -> int:
    """How many epochs a `last.ckpt` has behind it; 0 where there is none."""
    if not last.exists():
        return 0
    return int(torch.load(last, map_location="cpu", weights_only=True)["epoch"]) + 1
