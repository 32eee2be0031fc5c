"""From a member's recipe to its checkpoint."""

import logging
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader

from seg.card import InputCard, ModelCard, TrainingCard
from seg.data import Split, open_split
from seg.progress import Advance, progress
from seg.spec import EnsembleSpec, MemberSpec, RecipeSpec
from seg.spec.recipe import Precision
from seg.train.augment import Augment
from seg.train.checkpoint import save_checkpoint
from seg.train.keeper import Keeper, epochs_done
from seg.train.module import MemberModule
from seg.train.networks import build_network, encoder_preprocessing, network_stride
from seg.train.run_folder import (
    Result,
    RunFolder,
    RunRecord,
    library_versions,
    recipe_as_json,
    refuse_if_changed,
)
from seg.train.samples import (
    Batch,
    Draw,
    EpochSampler,
    TrainSamples,
    ValSamples,
    stacked_by_size,
)
from seg.train.segmenter import Segmenter


_LIGHTNING_PRECISION: Final[dict[Precision, Literal["32-true", "bf16-mixed"]]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
}


def train_member(spec: EnsembleSpec, member: MemberSpec, *, retrain: bool = False) -> Result:
    """Train a member unless it is trained; go on from its last whole epoch if it was cut off.

    Raises:
        SpecError: its folder holds a run of another recipe or dataset, or the encoder is unknown.
        DataError: an image or label cannot be read.
        ModelError: the encoder's weights do not fit.
    """
    recipe = spec.recipe_of(member)
    folder = RunFolder(spec.run_folder(member))
    train_split, val_split = open_split(spec.data, "train"), open_split(spec.data, "val")
    wanted = _new_record(member.name, recipe, train_split, val_split)
    if retrain:
        folder.clear()
    found = folder.record()
    if found is not None:
        refuse_if_changed(folder, found, wanted)
        if found.result is not None and folder.model.exists():
            return found.result
    else:
        folder.write_record(wanted)

    torch.manual_seed(recipe.seed)
    segmenter = _build_segmenter(recipe, val_split)
    card = _card(spec, member.name, recipe, segmenter.card, val_split, wanted)
    result = _fit(folder, recipe, segmenter, card, train_split, val_split)
    folder.best.replace(folder.model)
    folder.write_record(wanted.model_copy(update={"result": result}))
    folder.last.unlink()
    return result


def _fit(
    folder: RunFolder,
    recipe: RecipeSpec,
    segmenter: Segmenter,
    card: ModelCard,
    train_split: Split,
    val_split: Split,
) -> Result:
    loaders = _loaders(recipe, train_split, val_split)
    names = [c.name for c in val_split.classes]
    done = epochs_done(folder.last)
    images = len(loaders[0]) * recipe.batch_size

    def save_best(path: Path, network: nn.Module, miou: float, epoch: int) -> None:
        training = card.training
        if training is not None:
            training = training.model_copy(update={"value": miou, "epoch": epoch})
        save_checkpoint(path, network, card.model_copy(update={"training": training}))

    with progress(
        f"train {card.name}", images * recipe.epochs, unit="images", done=images * done
    ) as advance:
        keeper = Keeper(folder, names, save_best, advance)
        module = MemberModule(segmenter, recipe, len(names))
        with _quiet():
            _trainer(recipe, keeper).fit(
                module,
                *loaders,
                ckpt_path=folder.last if done else None,
                weights_only=True,
            )
    return Result(
        best_epoch=keeper.best_epoch,
        best_miou=keeper.best_miou,
        best_iou={k: None if math.isnan(v) else v for k, v in keeper.best_iou.items()},
        parameters=sum(p.numel() for p in segmenter.parameters()),
        seconds=round(keeper.seconds, 1),
    )


def _trainer(recipe: RecipeSpec, keeper: Keeper) -> lightning.Trainer:
    return lightning.Trainer(
        max_epochs=recipe.epochs,
        precision=_LIGHTNING_PRECISION[recipe.precision],
        accelerator="auto",
        devices=1,
        callbacks=[keeper],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        deterministic="warn",
        benchmark=False,
        use_distributed_sampler=False,
    )


def _loaders(
    recipe: RecipeSpec, train_split: Split, val_split: Split
) -> tuple[DataLoader[Batch], DataLoader[Batch]]:
    train: TrainSamples = TrainSamples(train_split, Augment(recipe), recipe.seed)
    sampler: EpochSampler = EpochSampler(len(train), recipe.seed)
    batch_size = min(recipe.batch_size, len(train))
    workers = _workers(recipe)
    return (
        DataLoader(
            train,
            batch_size,
            sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            drop_last=True,
            pin_memory=torch.cuda.is_available(),
        ),
        DataLoader(
            ValSamples(val_split),
            recipe.batch_size,
            collate_fn=stacked_by_size,
            pin_memory=torch.cuda.is_available(),
        ),
    )


def _workers(recipe: RecipeSpec) -> int:
    """On the CPU the network needs every core; decoded images are at hand after one epoch."""
    if recipe.workers != "auto":
        return recipe.workers
    return min(8, os.cpu_count() or 1) if torch.cuda.is_available() else 0


def _build_segmenter(recipe: RecipeSpec, split: Split) -> Segmenter:
    network = build_network(
        recipe.architecture, recipe.encoder, len(split.classes), recipe.encoder_weights
    )
    mean, std = encoder_preprocessing(recipe.encoder)
    card = InputCard(
        mode=recipe.input.mode,
        stride=network_stride(network),
        size_hw=recipe.input.size,
        mean=mean,
        std=std,
    )
    # Images arrive as NHWC, and convolutions are faster where they may stay so.
    segmenter = Segmenter(network, card)
    return segmenter.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _card(
    spec: EnsembleSpec,
    name: str,
    recipe: RecipeSpec,
    input_card: InputCard,
    split: Split,
    record: RunRecord,
) -> ModelCard:
    return ModelCard(
        name=name,
        architecture=recipe.architecture,
        encoder=recipe.encoder,
        classes=split.classes,
        unlabelled=spec.data.unlabelled,
        input=input_card,
        training=TrainingCard(
            value=0.0,
            epoch=0,
            epochs=recipe.epochs,
            seed=recipe.seed,
            views=recipe.train_views,
            dataset_fingerprint=record.train_fingerprint,
        ),
    )


def _new_record(
    member: str, recipe: RecipeSpec, train_split: Split, val_split: Split
) -> RunRecord:
    return RunRecord(
        member=member,
        recipe=recipe_as_json(recipe),
        classes=[c.name for c in train_split.classes],
        train_fingerprint=train_split.fingerprint,
        val_fingerprint=val_split.fingerprint,
        versions=library_versions(),
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's tips and remarks are for those who call it; our user sees one progress bar."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
