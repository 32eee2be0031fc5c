"""The handlers of stop signals during training: ours, not Lightning's."""

import signal

import lightning
from lightning.pytorch.callbacks import Callback

from seg.stop_signals import STOP_SIGNALS, set_signal_handlers


class OwnStopSignals(Callback):
    """Sets the handlers that were there before the fit again.

    Lightning's own handler of SIGTERM waits in a collective for the other processes, which may never join it.
    """

    def __init__(self) -> None:
        self._before = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        set_signal_handlers(self._before)
