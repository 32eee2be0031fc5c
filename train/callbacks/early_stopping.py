"""Stops a run that no longer gets better."""

import lightning
from lightning.pytorch.callbacks import Callback

from seg.progress import Advance
from seg.train.callbacks.run_checkpoint import RunCheckpoint
from seg.train.metrics.epoch_metrics import best_epoch


class EarlyStopping(Callback):
    """Ends training after so many `epochs` in a row that were not better than the best before."""

    def __init__(self, keeper: RunCheckpoint, epochs: int, advance: Advance) -> None:
        self._keeper = keeper
        self._epochs = epochs
        self._advance = advance

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A run that was cut off after its last epoch has nothing left to do."""
        self._stop_if_over(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._stop_if_over(trainer)

    def _stop_if_over(self, trainer: lightning.Trainer) -> None:
        history = self._keeper.history
        if history and len(history) - best_epoch(history) >= self._epochs:
            self._advance(0, line=f"stops here: no better epoch in {self._epochs}")
            trainer.should_stop = True
