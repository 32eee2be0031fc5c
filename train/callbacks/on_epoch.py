"""Lets somebody follow a run epoch by epoch, and end it."""

from collections.abc import Callable

import lightning
from lightning.pytorch.callbacks import Callback

from seg.train.callbacks.run_checkpoint import RunCheckpoint
from seg.train.metrics.epoch_metrics import Figures

OnEpoch = Callable[[int, Figures], None]
"""Called with each epoch, from 1, and its figures; what it raises ends the run, which can be gone on with."""


class EpochListener(Callback):
    """Calls for every epoch once, also for those of earlier sittings."""

    def __init__(self, keeper: RunCheckpoint, on_epoch: OnEpoch) -> None:
        self._keeper = keeper
        self._on_epoch = on_epoch
        self._told = 0

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        for epoch in range(self._told + 1, len(self._keeper.history) + 1):
            self._told = epoch
            self._on_epoch(epoch, self._keeper.history[epoch - 1])
