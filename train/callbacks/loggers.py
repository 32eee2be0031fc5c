"""TensorBoard and MLflow loggers, beside `metrics.csv`."""

import re
from collections.abc import Sequence
from typing import Final

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger

from seg.spec.ensemble.ensemble import LoggerName
from seg.spec.recipe.recipe import RecipeSpec
from seg.train.callbacks.run_checkpoint import RunCheckpoint
from seg.train.run.folder import RunFolder

MLFLOW_FILE: Final = "mlflow.db"
EXPERIMENT: Final = "seg"

_NOT_IN_NAMES: Final = re.compile(r"[^\w\-./ ]")
"""Characters that MLflow refuses in the name of a metric."""


def build_loggers(names: Sequence[LoggerName], folder: RunFolder) -> list[Logger]:
    """Open the requested loggers: TensorBoard's files in the run folder, MLflow's database beside it."""
    return [_open_logger(name, folder) for name in names]


def _open_logger(name: LoggerName, folder: RunFolder) -> Logger:
    runs, run = folder.path.parent, folder.path.name
    if name == "tensorboard":
        return TensorBoardLogger(folder.path, name="", version=name, default_hp_metric=False)
    database = f"sqlite:///{runs.absolute() / MLFLOW_FILE}"
    return MLFlowLogger(EXPERIMENT, run, database, run_id=_last_mlflow_run(database, run))


def _last_mlflow_run(database: str, run: str) -> str | None:
    """The id of the unfinished MLflow run of that name, to resume it; None if there is none."""
    from mlflow import MlflowClient

    client = MlflowClient(database)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return None
    named = f"attributes.run_name = '{run}' and attributes.status != 'FINISHED'"
    found = client.search_runs([experiment.experiment_id], named, max_results=1)
    return found[0].info.run_id if found else None


class EpochLogger(Callback):
    """Sends the recipe, and the metrics of each epoch, to all loggers."""

    def __init__(self, checkpoint: RunCheckpoint, recipe: RecipeSpec) -> None:
        self._checkpoint = checkpoint
        self._recipe = recipe

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        for logger in trainer.loggers:
            logger.log_hyperparams(self._recipe.model_dump(mode="json"))

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        epoch = len(self._checkpoint.history)
        row = {_NOT_IN_NAMES.sub("_", key): value for key, value in self._checkpoint.last_row.items()}
        for logger in trainer.loggers:
            logger.log_metrics({key: value for key, value in row.items() if value is not None}, epoch)
