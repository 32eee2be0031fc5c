"""From decoded images to batches."""

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
from seg.spec.recipe import RecipeSpec
from seg.train.augment import Augment, CopyPaste, labels_to_paste
from seg.train.batches.samples import Sample, TrainSamples, ValSamples
from seg.train.batches.sampling import DistributedSampler, EpochSampler, SharesN, class_balanced_shares
from seg.train.distributed.group import Group
from seg.train.splits.class_counts import count_classes
from seg.train.splits.decoded_split import DecodedSplit

_MOST_WORKERS: Final = 8


@dataclass(frozen=True, slots=True)
class Loaders:
    """Batches of an epoch: augmented crops to train on, whole images to validate on.

    `steps` is the number of optimiser steps, `images` that of all images in an epoch.
    """

    train: DataLoader[Sample]
    val: DataLoader[list[Sample]]
    steps: int
    images: int

    def set_epoch(self, epoch: int) -> None:
        """Let the next batches be those of an epoch, from 0."""
        cast(DistributedSampler, self.train.sampler).set_epoch(epoch)


def build_loaders(
    recipe: RecipeSpec, train: DecodedSplit, val: DecodedSplit, *, epoch: int, group: Group, parts: int = 1
) -> Loaders:
    """The loaders of a run that begins with `epoch`; an incomplete last training batch is left out.

    The processes of a group share each batch and the images of validation. Each takes its share of a batch in
    `parts`, one after another.

    Raises:
        SpecError: `copy_paste` names a class that no image has, or none is rare; or a batch cannot be dealt.
        DataError: labels that must be counted cannot be read.
    """
    batch_size = min(recipe.images_a_batch, len(train))
    if batch_size % group.count:
        raise SpecError(
            f"a batch of {batch_size} cannot be dealt to {group.count} processes:"
            f" let the recipe's batch_size be a multiple of {group.count}"
        )
    sampler = build_sampler(recipe, train, epoch)
    batches = len(sampler) // batch_size
    training: DataLoader[Sample] = DataLoader(
        build_train_samples(recipe, train),
        batch_size // group.count // parts,
        sampler=DistributedSampler(sampler, batch_size, group.place, group.count),
        drop_last=True,
        pin_memory=torch.cuda.is_available(),
        **_processes(workers_for(recipe)),
    )
    validation: DataLoader[Any] = DataLoader(
        ValSamples(val),
        recipe.images_a_batch,
        sampler=group.share_of(range(len(val))),
        collate_fn=partial(stacked_by_size, most_pixels=batch_size * math.prod(recipe.crop)),
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),
    )
    return Loaders(
        train=training,
        val=validation,
        steps=math.ceil(batches / recipe.accumulate),
        images=batches * batch_size + len(val),
    )


def stacked_by_size(samples: Sequence[Sample], most_pixels: int) -> list[Sample]:
    """Stack images with others of their own size, in the order they came.

    A batch holds at most `most_pixels`, or a single image.
    """
    by_size: dict[torch.Size, list[Sample]] = {}
    for sample in samples:
        by_size.setdefault(sample[1].shape, []).append(sample)
    return [
        (torch.stack([image for image, _ in batch]), torch.stack([labels for _, labels in batch]))
        for size, group in by_size.items()
        for batch in _chunks(group, max(1, most_pixels // size.numel()))
    ]


def workers_for(recipe: RecipeSpec) -> int:
    """How many processes prepare crops: none beside a network that needs the same cores."""
    if recipe.workers != "auto":
        return recipe.workers
    return min(_MOST_WORKERS, os.cpu_count() or 1) if torch.cuda.is_available() else 0


def build_train_samples(recipe: RecipeSpec, train: DecodedSplit) -> TrainSamples:
    """The crops that a recipe makes; raises SpecError and DataError as `build_loaders`."""
    augment = Augment(recipe)
    if recipe.copy_paste is None:
        return TrainSamples(train, augment)
    counts_nc = count_classes(train)
    labels = labels_to_paste(recipe.copy_paste, train.classes, counts_nc)
    copy_paste = CopyPaste(train, counts_nc, labels, augment, recipe.crop, recipe.copy_paste.probability)
    return TrainSamples(train, augment, copy_paste)


def build_sampler(recipe: RecipeSpec, train: DecodedSplit, epoch: int) -> EpochSampler:
    """The draws of an epoch; raises DataError as `build_loaders`."""
    return EpochSampler(len(train), recipe.seed, epoch, _shares(recipe, train), recipe.multiply)


def _shares(recipe: RecipeSpec, train: DecodedSplit) -> SharesN | None:
    if recipe.sampling == "uniform":
        return None
    return class_balanced_shares(count_classes(train))


def _processes(workers: int) -> dict[str, Any]:
    """A generator of its own, so that the start of an epoch draws nothing from torch's."""
    options: dict[str, Any] = {"num_workers": workers, "generator": torch.Generator()}
    if workers:
        # A forked worker would hang in OpenCV, whose threads stay with the parent.
        options |= {
            "multiprocessing_context": "spawn",
            "persistent_workers": True,
            "worker_init_fn": _use_one_thread,
        }
    return options


def _use_one_thread(worker: int) -> None:
    cv2.setNumThreads(1)


def _chunks(samples: Sequence[Sample], most: int) -> Iterator[Sequence[Sample]]:
    return (samples[start : start + most] for start in range(0, len(samples), most))
