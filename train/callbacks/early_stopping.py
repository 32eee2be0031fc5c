"""Early stopping: end a run whose score on the validation images no longer improves."""

import lightning
from lightning.pytorch.callbacks import Callback

from seg.terminal.progress import Advance
from seg.train.callbacks.run_checkpoint import RunCheckpoint
from seg.train.metrics.epoch_metrics import best_epoch


class EarlyStopping(Callback):
    """Ends training after `epochs` epochs without a new best score."""

    def __init__(self, checkpoint: RunCheckpoint, epochs: int, advance: Advance) -> None:
        self._checkpoint = checkpoint
        self._epochs = epochs
        self._advance = advance

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A run that was killed after its last epoch must not train further."""
        self._stop_if_over(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._stop_if_over(trainer)

    def _stop_if_over(self, trainer: lightning.Trainer) -> None:
        history = self._checkpoint.history
        if history and len(history) - best_epoch(history) >= self._epochs:
            self._advance(0, line=f"early stopping: no better epoch in {self._epochs}")
            trainer.should_stop = True
