"""Batch size: find the largest that fits into memory, and split batches if memory runs out while training."""

import gc
import os
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import torch

from seg.errors import ModelError, SpecError
from seg.labels.task import Task
from seg.models.card import InputCard
from seg.spec.recipe.recipe import RecipeSpec
from seg.train.dry_run import run_training_step, training_step_bytes
from seg.train.member.input_card import input_card_of
from seg.train.member.job import with_input_size_crop
from seg.train.networks import build_network
from seg.train.run.folder import RunFolder
from seg.train.run.record import read_run_record

MEMORY_SHARE: Final = 0.5
"""The share of a CPU's free memory that a training step may use; libraries and images need the rest."""

MIN_BATCH_SIZE: Final = 2

T = TypeVar("T")


def resolve_batch_size(
    recipe: RecipeSpec,
    task: Task,
    classes: int,
    images: int,
    folder: RunFolder,
    input_card: InputCard | None = None,
) -> RecipeSpec:
    """Replace `batch_size: auto` by a number: that of the run in the folder, or the largest that fits.

    It is a power of two. On a GPU, steps of doubled size are tried until memory runs out. On a CPU, memory is
    estimated, because running out of it would end the process.

    Raises:
        SpecError: even the smallest batch does not fit.
    """
    if recipe.batch_size != "auto":
        return recipe
    earlier = read_run_record(folder.record)
    found = earlier.recipe.get("batch_size") if earlier else None
    size = (
        found
        if isinstance(found, int)
        else _largest_batch_size(recipe, task, classes, images, input_card or input_card_of(recipe))
    )
    return recipe.model_copy(update={"batch_size": size})


def run_in_micro_batches(batch_size: int, run: Callable[[int], T], *, is_single_process: bool) -> T:
    """Call `run` with the number of micro-batches per batch: 1, doubled after each out-of-memory error.

    Only a single process can start again; one of several raises.

    Raises:
        ModelError: two images are too many, or this is one of several processes.
    """
    parts = 1
    while True:
        try:
            return run(parts)
        except torch.OutOfMemoryError as error:
            taken = batch_size // parts
            parts *= 2
            if not is_single_process or batch_size % parts or batch_size // parts < MIN_BATCH_SIZE:
                raise ModelError(
                    f"out of memory with {taken} images in a step: lower the recipe's batch_size or crop,"
                    " or set its precision to bf16"
                ) from error
        _free_memory_of_batches()


def _largest_batch_size(
    recipe: RecipeSpec, task: Task, classes: int, images: int, input_card: InputCard
) -> int:
    recipe = with_input_size_crop(recipe)
    fits = _batch_fits_gpu if torch.cuda.is_available() else _batch_fits_cpu
    largest = 0
    for size in _doubling_batch_sizes(MIN_BATCH_SIZE, images):
        if not fits(recipe, task, classes, size, input_card):
            break
        largest = size
    if not largest:
        raise SpecError(
            f"batch_size: auto: {MIN_BATCH_SIZE} images of {recipe.crop} do not fit: lower the recipe's crop"
        )
    return largest


def _doubling_batch_sizes(first: int, last: int) -> Iterator[int]:
    while first <= last:
        yield first
        first *= 2


def _batch_fits_cpu(recipe: RecipeSpec, _: Task, classes: int, size: int, input_card: InputCard) -> bool:
    network = build_network(recipe.architecture, recipe.encoder, classes, channels=input_card.channels)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return training_step_bytes(network, recipe.crop, size, input_card.channels) <= MEMORY_SHARE * free


def _batch_fits_gpu(recipe: RecipeSpec, task: Task, classes: int, size: int, input_card: InputCard) -> bool:
    network = build_network(recipe.architecture, recipe.encoder, classes, channels=input_card.channels)
    cuda = torch.device("cuda")
    try:
        run_training_step(network, recipe, input_card, classes, task, images=size, device=cuda)
    except torch.OutOfMemoryError:
        return False
    finally:
        del network
        _free_memory_of_batches()
    return True


def _free_memory_of_batches() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
