"""A user callback per epoch, which can end the run."""

from collections.abc import Callable

import lightning
from lightning.pytorch.callbacks import Callback

from seg.train.callbacks.run_checkpoint import RunCheckpoint
from seg.train.metrics.epoch_metrics import EpochMetrics

OnEpoch = Callable[[int, EpochMetrics], None]
"""Called with each epoch, from 1, and its metrics. Raising ends the run, which can be resumed."""


class EpochListener(Callback):
    """Calls `on_epoch` once for every epoch, also for those before a resume."""

    def __init__(self, checkpoint: RunCheckpoint, on_epoch: OnEpoch) -> None:
        self._checkpoint = checkpoint
        self._on_epoch = on_epoch
        self._reported = 0

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        for epoch in range(self._reported + 1, len(self._checkpoint.history) + 1):
            self._reported = epoch
            self._on_epoch(epoch, self._checkpoint.history[epoch - 1])
