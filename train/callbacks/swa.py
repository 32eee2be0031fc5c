"""Stochastic weight averaging (SWA): the mean of the weights of the last epochs.

Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018. The
statistics of batch normalisation are recomputed for the mean by a pass over training images.
"""

import lightning
from lightning.pytorch.callbacks import Callback

from seg.train.batches.loaders import Loaders
from seg.train.member.lightning_module import MemberModule
from seg.train.metrics.epoch_metrics import EpochMetrics
from seg.train.optimiser.batch_norm import refit_batch_norm


class LastEpochsAverage(Callback):
    """Adds the weights of each of the last epochs to the mean; must run before the epoch is saved."""

    def __init__(self, module: MemberModule) -> None:
        self._module = module
        self._first = module.recipe.epochs - (module.recipe.average_last or 0)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self._module.mean is not None and trainer.current_epoch >= self._first:
            self._module.mean.update_parameters(self._module.evaluated_segmenter)


def validate_mean(trainer: lightning.Trainer, module: MemberModule, loaders: Loaders) -> EpochMetrics | None:
    """Validate the mean of weights, which `module` evaluates from now on; its training loss is NaN.

    None if it has fewer than two epochs, as after early stopping.
    """
    if module.mean is None or module.epochs_in_mean < 2:
        return None
    network = module.mean.module.to(trainer.strategy.root_device)
    refit_batch_norm(network, loaders, module.recipe.seed, module.recipe.epochs)
    module.evaluates_mean = True
    trainer.validate(module, loaders.val, verbose=False)
    return module.compute_metrics()
