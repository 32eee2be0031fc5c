"""Data loaders: augmented crops to train on, and whole images of equal size stacked for validation."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

import cv2
import torch
from torch.utils.data import DataLoader

from seg.errors import SpecError
from seg.labels.task import classes_overlap
from seg.spec.recipe.recipe import RecipeSpec
from seg.stop_signals import start_resource_tracker
from seg.train.augment import Augment, CopyPaste, labels_to_paste
from seg.train.batches.crop_sampling import CropSampler
from seg.train.batches.datasets import LabelledImage, TrainDataset, ValDataset
from seg.train.batches.sampling import (
    DistributedSampler,
    EpochDraws,
    EpochSampler,
    SharesN,
    class_balanced_shares,
    counts_with_empty_images,
)
from seg.train.distributed.process_group import ProcessGroup
from seg.train.splits.class_counts import count_classes
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.splits.windowed_split import WindowedSplit

_MOST_WORKERS: Final = 8


@dataclass(frozen=True, slots=True)
class Loaders:
    """The loaders of training and validation.

    `steps` is the number of optimiser steps of an epoch, `images` the number of all its images.
    """

    train: DataLoader[LabelledImage]
    val: DataLoader[list[LabelledImage]]
    steps: int
    images: int

    def set_epoch(self, epoch: int) -> None:
        """Select the epoch, from 0, whose batches are drawn next."""
        cast(DistributedSampler, self.train.sampler).set_epoch(epoch)


def build_loaders(
    recipe: RecipeSpec,
    train: DecodedSplit | WindowedSplit,
    val: DecodedSplit,
    *,
    epoch: int,
    group: ProcessGroup,
    parts: int = 1,
    background: int | None = None,
) -> Loaders:
    """The loaders of a run that begins with `epoch`; an incomplete last training batch is dropped.

    The processes of a group share each batch and the validation images. Each process splits its share of a
    batch into `parts` micro-batches. `background` is the label of unlabelled pixels, if they are a class.

    Raises:
        SpecError: `copy_paste` names a class that no image has, or no class is rare; or the batch size is not
            a multiple of the number of processes.
        DataError: labels that must be counted cannot be read.
    """
    batch_size = images_in_batch(recipe, len(train))
    if batch_size % group.world_size:
        raise SpecError(
            f"a batch of {batch_size} cannot be divided among {group.world_size} processes:"
            f" make the recipe's batch_size a multiple of {group.world_size}"
        )
    sampler = build_sampler(recipe, train, epoch, background)
    batches = len(sampler) // batch_size
    training: DataLoader[LabelledImage] = DataLoader(
        build_train_dataset(recipe, train),
        batch_size // group.world_size // parts,
        sampler=DistributedSampler(sampler, batch_size, group.rank, group.world_size),
        drop_last=True,
        pin_memory=torch.cuda.is_available(),
        **_worker_options(loader_worker_count(recipe)),
    )
    validation: DataLoader[Any] = DataLoader(
        ValDataset(val),
        recipe.images_a_batch,
        sampler=group.shard(range(len(val))),
        collate_fn=partial(collate_by_size, most_pixels=batch_size * math.prod(recipe.crop)),
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),
    )
    return Loaders(
        train=training,
        val=validation,
        steps=math.ceil(batches / recipe.accumulate),
        images=batches * batch_size + len(val),
    )


def collate_by_size(samples: Sequence[LabelledImage], most_pixels: int) -> list[LabelledImage]:
    """Stack images of equal size into batches, in order of arrival.

    A batch holds at most `most_pixels`, or a single image.
    """
    by_size: dict[torch.Size, list[LabelledImage]] = {}
    for sample in samples:
        by_size.setdefault(sample[1].shape[:2], []).append(sample)
    return [
        (torch.stack([image for image, _ in batch]), torch.stack([labels for _, labels in batch]))
        for size, group in by_size.items()
        for batch in _split_collated_group(group, max(1, most_pixels // size.numel()))
    ]


def loader_worker_count(recipe: RecipeSpec) -> int:
    """How many worker processes prepare crops; `auto` is none on a CPU, where the network needs the cores."""
    if recipe.workers != "auto":
        return recipe.workers
    return min(_MOST_WORKERS, os.cpu_count() or 1) if torch.cuda.is_available() else 0


def images_in_batch(recipe: RecipeSpec, images: int) -> int:
    """The images or crops in a batch, over all processes: an epoch may have fewer than the recipe says."""
    return min(recipe.images_a_batch, recipe.samples or images)


def build_train_dataset(recipe: RecipeSpec, train: DecodedSplit | WindowedSplit) -> TrainDataset:
    """The dataset of augmented crops; raises SpecError and DataError as `build_loaders`."""
    augment = Augment(recipe, has_colour=train.has_colour)
    if recipe.copy_paste is None or isinstance(train, WindowedSplit):
        return TrainDataset(train, augment)
    counts_nc = count_classes(train)
    labels = labels_to_paste(recipe.copy_paste, train.classes, counts_nc)
    copy_paste = CopyPaste(train, counts_nc, labels, augment, recipe.crop, recipe.copy_paste.probability)
    return TrainDataset(train, augment, copy_paste)


def build_sampler(
    recipe: RecipeSpec, train: DecodedSplit | WindowedSplit, epoch: int, background: int | None = None
) -> EpochDraws:
    """The sampler of a recipe, for `epoch`; raises DataError as `build_loaders`."""
    if isinstance(train, WindowedSplit):
        # Where classes overlap, class maps have pixels of no class behind all others.
        of_no_class = len(train.classes) if classes_overlap(train.task) else background
        return CropSampler(train.class_maps, recipe, of_no_class, epoch)
    return EpochSampler(len(train), recipe.seed, epoch, _sampling_shares(recipe, train), recipe.multiply)


def _sampling_shares(recipe: RecipeSpec, train: DecodedSplit) -> SharesN | None:
    if recipe.sampling == "uniform":
        return None
    counts_nc = count_classes(train)
    return class_balanced_shares(
        counts_with_empty_images(counts_nc) if classes_overlap(train.task) else counts_nc
    )


def _worker_options(workers: int) -> dict[str, Any]:
    """DataLoader options for workers, with a generator so that an epoch does not use torch's global one."""
    options: dict[str, Any] = {"num_workers": workers, "generator": torch.Generator()}
    if workers:
        start_resource_tracker()
        # A forked worker would hang in OpenCV, whose threads stay with the parent.
        options |= {
            "multiprocessing_context": "spawn",
            "persistent_workers": True,
            "worker_init_fn": _use_one_thread_in_loader,
        }
    return options


def _use_one_thread_in_loader(worker: int) -> None:
    cv2.setNumThreads(1)


def _split_collated_group(samples: Sequence[LabelledImage], most: int) -> Iterator[Sequence[LabelledImage]]:
    return (samples[start : start + most] for start in range(0, len(samples), most))
