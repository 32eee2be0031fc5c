"""Train a member: from its recipe and data to a checkpoint in its run folder."""

from contextlib import nullcontext
from typing import Final

import torch

from seg.data import Split
from seg.experimental import warnings_of_experimental
from seg.metrics.metric import Metric
from seg.metrics.open_metric import open_metric
from seg.runs import write_run_note
from seg.spec import EnsembleSpec, MemberSpec
from seg.terminal.notices import notice
from seg.terminal.progress import progress
from seg.train.augment import check_augmentation, check_copy_paste
from seg.train.batch_size import resolve_batch_size, run_in_micro_batches
from seg.train.batches.loaders import build_loaders, images_in_batch
from seg.train.callbacks.loggers import build_loggers
from seg.train.callbacks.on_epoch import OnEpoch
from seg.train.callbacks.run_checkpoint import (
    RunCheckpoint,
    epochs_in_checkpoint,
    iou_by_class_name,
)
from seg.train.callbacks.swa import validate_mean
from seg.train.distributed.process_group import ProcessGroup, join_process_group
from seg.train.library_logs import silence_libraries
from seg.train.lightning_fit import fit_network, lightning_trainer, training_callbacks, training_device
from seg.train.losses import LossMix, build_loss, check_loss
from seg.train.losses.distillation import Distillation, DistillationLoss
from seg.train.member.input_card import input_card_for
from seg.train.member.job import TrainingJob, build_segmenter, card_of_job, with_input_size_crop
from seg.train.member.lightning_module import MemberModule
from seg.train.member_images import decode_training_images, splits_of_member
from seg.train.metrics.epoch_metrics import best_epoch, draw_history
from seg.train.networks.cost import cost_of_network, padded_size
from seg.train.refuse_training import refuse_impossible_recipe, refuse_nothing_to_learn
from seg.train.reproducibility.determinism import deterministic_torch
from seg.train.run.folder import RunFolder
from seg.train.run.record import TrainingResult, new_run_record
from seg.train.splits.training_images import TrainingImages
from seg.train.splits.validation_tiles import in_validation_tiles

_FEWEST_TO_VALIDATE: Final = 1


def train_member(
    spec: EnsembleSpec,
    member: MemberSpec,
    *,
    retrain: bool = False,
    on_epoch: OnEpoch | None = None,
    distillation: Distillation | None = None,
) -> TrainingResult:
    """Train a member unless it is trained already; resume from its last complete epoch if interrupted.

    Args:
        retrain: remove the run in the member's folder first.
        on_epoch: called after every epoch; ends the run by raising.
        distillation: soft labels for the training images, and further images that have only soft labels.

    Raises:
        SpecError: its folder holds a run of another recipe or dataset, or the encoder is unknown.
        DataError: an image or label cannot be read, or there are too few images.
        ModelError: the encoder's weights do not fit, or training diverged.
        OutputError: another process is training this member.
    """
    recipe = with_input_size_crop(spec.recipe_of(member))
    refuse_impossible_recipe(recipe)
    labelled, train, val = splits_of_member(spec, member, distillation)
    check_loss(recipe, train.task, train.classes)
    check_copy_paste(recipe, train.classes)
    input_card = input_card_for(recipe, (*train.samples, *val.samples))
    check_augmentation(recipe, input_card)
    folder = RunFolder(spec.run_folder(member))
    with join_process_group() as group, folder.locked() if group.is_main_process else nullcontext():
        asked = recipe
        recipe = group.broadcast(
            lambda: resolve_batch_size(
                asked, train.task, len(train.classes), asked.samples or len(train.samples), folder, input_card
            )
        )
        settings = distillation.settings() if distillation else None
        record = new_run_record(member.name, recipe, train, val, settings, spec.metric, input_card)
        finished = group.broadcast(lambda: folder.begin(record, retrain=retrain))
        if finished is not None:
            return finished
        group.broadcast(lambda: refuse_nothing_to_learn(spec.data, recipe, labelled))
        if torch.cuda.is_available() and group.is_main_process:
            _warn_of_gpu(group.world_size)
        if member.note and group.is_main_process:
            write_run_note(folder.path, leaderboard=None, text=member.note)
        job = TrainingJob(
            recipe=recipe,
            record=record,
            folder=folder,
            train=train,
            val=in_validation_tiles(val, spec.tile, recipe),
            unlabelled=spec.data.unlabelled,
            loggers=spec.loggers,
            input=input_card,
            distillation=distillation,
            metric=_metric_of_epochs(spec, train),
        )
        if member.fold is not None and group.is_main_process:
            folder.write_held_out(val.samples)
        with deterministic_torch(recipe.seed, on_gpu=recipe.deterministic), silence_libraries():
            result = run_in_micro_batches(
                images_in_batch(recipe, len(train.samples)) // group.world_size,
                lambda parts: _train_job(job, group, parts, on_epoch),
                is_single_process=group.world_size == 1,
            )
        group.broadcast(lambda: folder.finish(record.model_copy(update={"result": result})))
    return result


def _train_job(job: TrainingJob, group: ProcessGroup, parts: int, on_epoch: OnEpoch | None) -> TrainingResult:
    segmenter = build_segmenter(job)
    done = epochs_in_checkpoint(job.folder.last)
    train, val = decode_training_images(job, max(_FEWEST_TO_VALIDATE, group.world_size))
    loaders = build_loaders(
        job.recipe, train, val, epoch=done, group=group, parts=parts, background=job.background
    )
    module = MemberModule(
        segmenter, job.recipe, _training_loss(job, train), job.classes, loaders.steps, job.metric
    )
    checkpoint = RunCheckpoint(job.folder, module, job.train.classes, card_of_job(job, segmenter.card))
    with progress(
        f"train {job.name}",
        loaders.images * job.recipe.epochs + (len(val) if job.recipe.average_last else 0),
        unit="images",
        done=loaders.images * done,
    ) as advance:
        loggers = build_loggers(job.loggers, job.folder) if group.is_main_process else []
        callbacks = training_callbacks(job, module, checkpoint, advance, on_epoch)
        advance(0, line=f"trains on {training_device()}")
        if parts > 1:
            advance(0, line=f"out of memory: each batch is split into {parts}, from epoch {done + 1} on")
        trainer = lightning_trainer(job.recipe, group, parts, callbacks, loggers)
        fit_network(trainer, module, loaders, checkpoint, job.folder.last if done else None)
        mean = validate_mean(trainer, module, loaders)
        best = best_epoch(checkpoint.history)
        metrics = checkpoint.history[best - 1]
        if mean is not None:
            better = mean.score > metrics.score
            verdict = "kept" if better else f"the best stays {metrics.score:.4f} in epoch {best}"
            judged = f"val {job.metric_name} {mean.score:.4f}"
            advance(0, line=f"mean of {module.epochs_in_mean} epochs: {judged}, {verdict}")
            if better:
                checkpoint.keep_mean(trainer, mean)
                metrics = mean
    if group.is_main_process:
        draw_history(job.folder.curves, checkpoint.history)
    cost = cost_of_network(segmenter.network, padded_size(job.recipe.crop), job.input.channels)
    return TrainingResult(
        best_epoch=best,
        best_miou=metrics.miou,
        metric=job.metric_name,
        best_score=metrics.score,
        best_iou=iou_by_class_name(job.train.classes, metrics),
        averaged_epochs=module.epochs_in_mean if metrics is mean else 0,
        parameters=cost.parameters,
        gflops=round(cost.gflops, 2),
        seconds=round(checkpoint.seconds, 1),
    )


def _warn_of_gpu(devices: int) -> None:
    for line in warnings_of_experimental(
        ["training on a GPU", *(["--devices on GPUs"] if devices > 1 else [])]
    ):
        notice(line)


def _metric_of_epochs(spec: EnsembleSpec, train: Split) -> Metric | None:
    """What judges the epochs; None if it is mIoU."""
    metric = open_metric(spec.metric, train.classes, spec.data.task)
    return None if metric.is_miou else metric


def _training_loss(job: TrainingJob, train: TrainingImages) -> LossMix | DistillationLoss:
    loss = build_loss(job.recipe.loss, train)
    if job.distillation is None:
        return loss
    return DistillationLoss(loss, job.distillation.soft_share, job.distillation.temperature)
