"""The mean of the last epochs' weights, which may be better than any of them.

Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018, whose
statistics of batch normalisation are those of the mean, found by a pass over training images.
"""

import lightning
from lightning.pytorch.callbacks import Callback

from seg.train.batches.loaders import Loaders
from seg.train.member.lightning_module import MemberModule
from seg.train.metrics.epoch_metrics import Figures
from seg.train.optimiser.batch_norm import refit_batch_norm


class LastEpochsAverage(Callback):
    """Counts the weights of the last epochs into the mean; goes before what saves the epoch."""

    def __init__(self, module: MemberModule) -> None:
        self._module = module
        self._first = module.recipe.epochs - (module.recipe.average_last or 0)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self._module.mean is not None and trainer.current_epoch >= self._first:
            self._module.mean.update_parameters(self._module.judged)


def judge_mean(trainer: lightning.Trainer, module: MemberModule, loaders: Loaders) -> Figures | None:
    """The figures of the mean, which is from now on what `module` judges; its training loss is NaN.

    None where it has fewer than two epochs: a run that its patience ended may never have come to the last.
    """
    if module.mean is None or module.epochs_in_mean < 2:
        return None
    network = module.mean.module.to(trainer.strategy.root_device)
    refit_batch_norm(network, loaders, module.recipe.seed, module.recipe.epochs)
    module.judges_mean = True
    trainer.validate(module, loaders.val, verbose=False)
    return module.take_figures()
