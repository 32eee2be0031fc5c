"""How many images a step can take: found before training, and lowered where memory runs out after all."""

import gc
import os
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import torch

from seg.errors import ModelError, SpecError
from seg.spec.recipe import RecipeSpec
from seg.train.dry_run import bytes_of_step, one_step
from seg.train.member.job import crop_of_network_size
from seg.train.networks import build_network
from seg.train.run.folder import RunFolder
from seg.train.run.record import read_record

SHARE_OF_MEMORY: Final = 0.5
"""What may be planned of a CPU's free memory: libraries and decoded images need some."""

FEWEST: Final = 2

T = TypeVar("T")


def with_batch_size(recipe: RecipeSpec, classes: int, images: int, folder: RunFolder) -> RecipeSpec:
    """The recipe with a number for `batch_size: auto`: the folder's, or the largest that fits.

    It is a power of two. On a GPU steps of twice as many images are tried until memory runs out; on a CPU
    memory is counted, as running out of it ends the process.

    Raises:
        SpecError: not even the smallest batch fits.
    """
    if recipe.batch_size != "auto":
        return recipe
    earlier = read_record(folder.record)
    found = earlier.recipe.get("batch_size") if earlier else None
    size = found if isinstance(found, int) else _largest(recipe, classes, images)
    return recipe.model_copy(update={"batch_size": size})


def in_parts_that_fit(batch_size: int, run: Callable[[int], T], *, alone: bool) -> T:
    """Call `run` with the parts that each batch is taken in: 1, and where memory runs out 2, 4 and so on.

    Only a process that trains `alone` can begin again.

    Raises:
        ModelError: two images are too many, or the process is not alone.
    """
    parts = 1
    while True:
        try:
            return run(parts)
        except torch.OutOfMemoryError as error:
            taken = batch_size // parts
            parts *= 2
            if not alone or batch_size % parts or batch_size // parts < FEWEST:
                raise ModelError(
                    f"out of memory with {taken} images in a step: lower the recipe's batch_size or crop,"
                    " or set its precision to bf16"
                ) from error
        _free()


def _largest(recipe: RecipeSpec, classes: int, images: int) -> int:
    recipe = crop_of_network_size(recipe)
    fits = _fits_gpu if torch.cuda.is_available() else _fits_cpu
    largest = 0
    for size in _doubling(FEWEST, images):
        if not fits(recipe, classes, size):
            break
        largest = size
    if not largest:
        raise SpecError(
            f"batch_size: auto: {FEWEST} images of {recipe.crop} do not fit: lower the recipe's crop"
        )
    return largest


def _doubling(first: int, last: int) -> Iterator[int]:
    while first <= last:
        yield first
        first *= 2


def _fits_cpu(recipe: RecipeSpec, classes: int, size: int) -> bool:
    network = build_network(recipe.architecture, recipe.encoder, classes)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return bytes_of_step(network, recipe.crop, size) <= SHARE_OF_MEMORY * free


def _fits_gpu(recipe: RecipeSpec, classes: int, size: int) -> bool:
    network = build_network(recipe.architecture, recipe.encoder, classes)
    try:
        one_step(network, recipe, classes, images=size, device=torch.device("cuda"))
    except torch.OutOfMemoryError:
        return False
    finally:
        del network
        _free()
    return True


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
