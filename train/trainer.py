"""From a member's recipe to its checkpoint."""

from pathlib import Path
from typing import Final, Literal

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerStatus

from seg.data import open_split
from seg.errors import DataError
from seg.progress import progress
from seg.spec import EnsembleSpec, MemberSpec, RecipeSpec
from seg.spec.recipe import Precision
from seg.train.decoded import DecodedSplit
from seg.train.figures import best_epoch
from seg.train.job import Job, build_segmenter, card_of
from seg.train.keeper import Keeper, epochs_done, named_iou
from seg.train.loaders import Loaders, build_loaders
from seg.train.module import MemberModule
from seg.train.quiet import quiet
from seg.train.repeatable import repeatable
from seg.train.reporter import Reporter
from seg.train.run_folder import RunFolder
from seg.train.run_record import Result, new_record

_FEWEST_TO_TRAIN: Final = 2
_LIGHTNING_PRECISION: Final[dict[Precision, Literal["32-true", "bf16-mixed"]]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
}


def train_member(spec: EnsembleSpec, member: MemberSpec, *, retrain: bool = False) -> Result:
    """Train a member unless it is trained; go on from its last whole epoch if it was cut off.

    Raises:
        SpecError: its folder holds a run of another recipe or dataset, or the encoder is unknown.
        DataError: an image or label cannot be read, or there are too few.
        ModelError: the encoder's weights do not fit, or training diverged.
        OutputError: another process is training this member.
    """
    recipe = _crop_of_network_size(spec.recipe_of(member))
    train, val = open_split(spec.data, "train"), open_split(spec.data, "val")
    folder = RunFolder(spec.run_folder(member))
    record = new_record(member.name, recipe, train, val)
    with folder.held():
        finished = folder.begin(record, retrain=retrain)
        if finished is not None:
            return finished
        job = Job(
            recipe=recipe,
            record=record,
            folder=folder,
            train=train,
            val=val,
            unlabelled=spec.data.unlabelled,
        )
        with repeatable(recipe.seed), quiet():
            result = _train(job)
        folder.finish(record.model_copy(update={"result": result}))
    return result


def _train(job: Job) -> Result:
    segmenter = build_segmenter(job)
    done = epochs_done(job.folder.last)
    train, val = _decode(job)
    loaders = build_loaders(job.recipe, train, val, epoch=done)
    keeper = Keeper(job.folder, job.train.classes, card_of(job, segmenter.card))
    module = MemberModule(segmenter, job.recipe, job.classes, loaders.steps * job.recipe.epochs)
    with progress(
        f"train {job.name}",
        loaders.images * job.recipe.epochs,
        unit="images",
        done=loaders.images * done,
    ) as advance:
        trainer = _lightning_trainer(job, [keeper, Reporter(keeper, advance)])
        _fit(trainer, module, loaders, job.folder.last if done else None)
    best = best_epoch(keeper.history)
    figures = keeper.history[best - 1]
    return Result(
        best_epoch=best,
        best_miou=figures.miou,
        best_iou=named_iou(job.train.classes, figures),
        parameters=sum(p.numel() for p in segmenter.network.parameters()),
        seconds=round(keeper.seconds, 1),
    )


def _crop_of_network_size(recipe: RecipeSpec) -> RecipeSpec:
    """In mode `resize` the network always sees whole images, so training crops have their size."""
    if recipe.input.size is None:
        return recipe
    return recipe.model_copy(update={"crop": recipe.input.size})


def _decode(job: Job) -> tuple[DecodedSplit, DecodedSplit]:
    for name, split, fewest in (("training", job.train, _FEWEST_TO_TRAIN), ("validation", job.val, 1)):
        if len(split.samples) < fewest:
            raise DataError(
                f"{job.name}: the {name} split has {len(split.samples)} images, at least {fewest} are needed"
            )
    train, val = DecodedSplit(job.train, job.recipe.input.size), DecodedSplit(job.val)
    with progress(f"read images of {job.name}", len(train) + len(val), unit="images") as advance:
        train.read_ahead(advance)
        val.read_ahead(advance)
    return train, val


def _lightning_trainer(job: Job, callbacks: list[Callback]) -> lightning.Trainer:
    return lightning.Trainer(
        max_epochs=job.recipe.epochs,
        precision=_LIGHTNING_PRECISION[job.recipe.precision],
        accelerator="auto",
        devices=1,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


def _fit(trainer: lightning.Trainer, module: MemberModule, loaders: Loaders, last: Path | None) -> None:
    try:
        trainer.fit(module, loaders.train, loaders.val, ckpt_path=last, weights_only=True)
    except SystemExit as error:
        # Lightning turns Ctrl-C into an exit of its own.
        if trainer.state.status == TrainerStatus.INTERRUPTED:
            raise KeyboardInterrupt from error
        raise
