"""Estimates of training runs before they begin: memory, and time from one real step of each member."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch

from seg.spec import EnsembleSpec, MemberSpec
from seg.train.callbacks.run_checkpoint import epochs_in_checkpoint
from seg.train.dry_run import STEP_IMAGES, run_training_step, training_step_bytes
from seg.train.member.input_card import input_card_for
from seg.train.member.job import with_input_size_crop
from seg.train.member_images import splits_of_member
from seg.train.networks import build_network, check_combination
from seg.train.run.folder import RunFolder
from seg.train.splits.validation_tiles import in_validation_tiles

_FORWARD_SHARE: Final = 1 / 3
"""Of a training step: the backward pass takes about twice as long as the forward pass."""

_QUICK_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class TrainingEstimate:
    """What a member's run will take.

    Attributes:
        epochs: those that an earlier run has not done.
        memory: bytes of a training step, as in `dry_run`; of two images for `batch_size: auto`.
        seconds: of these epochs, from a step of images of the crop's size; without reading and augmenting.
    """

    epochs: int
    parameters: int
    memory: int
    seconds: float


def estimate_training(spec: EnsembleSpec, member: MemberSpec, *, retrain: bool) -> TrainingEstimate:
    """Estimate a member's run on the device that it will use; encoder weights are not loaded.

    Raises:
        SpecError: the network cannot be built.
        DataError: the dataset cannot be read.
    """
    recipe = with_input_size_crop(spec.recipe_of(member))
    check_combination(recipe.architecture, recipe.encoder, recipe.crop, recipe.input.size)
    _, train, val = splits_of_member(spec, member)
    input_card = input_card_for(recipe, (*train.samples, *val.samples))
    network = build_network(
        recipe.architecture, recipe.encoder, len(train.classes), channels=input_card.channels
    )
    batch_size = STEP_IMAGES if recipe.batch_size == "auto" else recipe.batch_size
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    step = partial(
        run_training_step, network, recipe, input_card, len(train.classes), train.task, device=device
    )
    tiles = in_validation_tiles(val, spec.tile, recipe)
    images = (recipe.samples or len(train.samples) * recipe.multiply) + len(tiles.samples) * _FORWARD_SHARE
    done = 0 if retrain else epochs_in_checkpoint(RunFolder(spec.run_folder(member)).last)
    epochs = max(0, recipe.epochs - done)
    return TrainingEstimate(
        epochs=epochs,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        memory=training_step_bytes(network, recipe.crop, batch_size, input_card.channels),
        seconds=epochs * images * _seconds_an_image(step, batch_size),
    )


def _seconds_an_image(step: Callable[..., tuple[float, float]], batch_size: int) -> float:
    """Of a training step: of a whole batch if that is quick, else of the fewest images."""
    first, _ = step(images=STEP_IMAGES)  # Also makes the libraries ready.
    images = batch_size if first * batch_size / STEP_IMAGES < _QUICK_S else STEP_IMAGES
    second, _ = step(images=images)
    return min(first / STEP_IMAGES, second / images)
