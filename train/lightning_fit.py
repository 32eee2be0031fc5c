"""Lightning's trainer for one member: its callbacks, its precision and device, and what ends a fit."""

from pathlib import Path
from typing import Final, Literal

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from lightning.pytorch.trainer.states import TrainerStatus

from seg.errors import DataError
from seg.spec import RecipeSpec
from seg.spec.recipe.recipe import Precision
from seg.stop_signals import kept_signal_handlers
from seg.terminal.progress import Advance
from seg.terminal.words import pluralise
from seg.train.batches.loaders import Loaders
from seg.train.callbacks.early_stopping import EarlyStopping
from seg.train.callbacks.loggers import EpochLogger
from seg.train.callbacks.on_epoch import EpochListener, OnEpoch
from seg.train.callbacks.progress import TrainingProgress
from seg.train.callbacks.run_checkpoint import (
    RunCheckpoint,
    damaged_checkpoint_error,
)
from seg.train.callbacks.stop_signals import OwnStopSignals
from seg.train.callbacks.swa import LastEpochsAverage
from seg.train.distributed.process_group import ProcessGroup, lightning_options
from seg.train.member.job import TrainingJob
from seg.train.member.lightning_module import MemberModule

_QUALIFIED: Final = f"{DataError.__module__}.{DataError.__name__}: "
_LIGHTNING_PRECISION: Final[dict[Precision, Literal["32-true", "bf16-mixed", "16-mixed"]]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


def training_device() -> str:
    """The name of what networks are trained on."""
    if torch.cuda.is_available():
        return f"CUDA: {torch.cuda.get_device_name()}"
    return f"the CPU: {pluralise(torch.get_num_threads(), 'thread')}"


def training_callbacks(
    job: TrainingJob,
    module: MemberModule,
    checkpoint: RunCheckpoint,
    advance: Advance,
    on_epoch: OnEpoch | None,
) -> list[Callback]:
    """The callbacks, in the order in which they handle the end of an epoch."""
    recipe = job.recipe
    callbacks: list[Callback] = [LastEpochsAverage(module)] if module.mean else []
    callbacks += [
        OwnStopSignals(),
        checkpoint,
        TrainingProgress(checkpoint, advance, job.metric_name),
        EpochLogger(checkpoint, recipe),
    ]
    if recipe.patience:
        callbacks.append(EarlyStopping(checkpoint, recipe.patience, advance))
    if on_epoch:
        callbacks.append(EpochListener(checkpoint, on_epoch))
    return callbacks


def lightning_trainer(
    recipe: RecipeSpec, group: ProcessGroup, parts: int, callbacks: list[Callback], loggers: list[Logger]
) -> lightning.Trainer:
    """A trainer that writes no checkpoints and draws no progress of its own: callbacks do.

    Each batch comes in `parts`, whose gradients are summed.
    """
    return lightning.Trainer(
        **lightning_options(group),
        max_epochs=recipe.epochs,
        precision=_LIGHTNING_PRECISION[recipe.precision],
        accumulate_grad_batches=recipe.accumulate * parts,
        gradient_clip_val=recipe.clip_norm,
        accelerator="cuda" if torch.cuda.is_available() else "cpu",
        benchmark=torch.cuda.is_available() and not recipe.deterministic,
        callbacks=callbacks,
        logger=loggers,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


def fit_network(
    trainer: lightning.Trainer,
    module: MemberModule,
    loaders: Loaders,
    checkpoint: RunCheckpoint,
    last: Path | None,
) -> None:
    """Train until the last epoch, from the checkpoint `last` on if there is one.

    Raises:
        DataError: an image or label cannot be read, in a worker process, too.
        ModelError: `last` is damaged.
        KeyboardInterrupt: Ctrl-C, or another stop signal.
    """
    try:
        # After Ctrl-C, Lightning ignores further ones.
        with kept_signal_handlers():
            trainer.fit(module, loaders.train, loaders.val, ckpt_path=last, weights_only=True)
    except DataError as error:
        # An exception from a worker process has its traceback as text; the last line is the message.
        raise DataError(str(error).splitlines()[-1].removeprefix(_QUALIFIED)) from error
    except SystemExit as error:
        if trainer.state.status != TrainerStatus.INTERRUPTED:
            raise
        # Lightning turns a StopSignal, its context, into SystemExit.
        raise KeyboardInterrupt from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        if last is None or checkpoint.has_begun or isinstance(error, torch.OutOfMemoryError):
            raise
        raise damaged_checkpoint_error(last) from error
