"""Dry run: the cost of training a member, without its images. Parameters, GFLOPs, memory, and one real step.

Memory is estimated, not measured: weights, gradients and the optimiser's two moments at 4 bytes a parameter,
plus the activations that are kept for the backward pass, from a run of two images on torch's meta device. The
libraries' own memory is not included.
"""

import copy
import time
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from seg.labels.task import Task, classes_overlap
from seg.models.card import InputCard
from seg.spec.recipe.recipe import RecipeSpec
from seg.train.member.input_card import input_card_of
from seg.train.member.job import with_input_size_crop
from seg.train.networks import build_network, check_combination
from seg.train.networks.cost import NetworkCost, cost_of_network, padded_size
from seg.train.networks.segmenter import Segmenter

STEP_IMAGES: Final = 2
"""Images in the real step: the fewest that batch normalisation needs."""

BYTES_PER_PARAMETER: Final = 4 * (1 + 1 + 2)


@dataclass(frozen=True, slots=True)
class DryRun:
    """The cost of a recipe.

    Attributes:
        crop: height and width of training crops.
        memory: estimated bytes of a training step with the recipe's batch size; two images for `auto`.
        step_seconds: forward and backward pass of `STEP_IMAGES` random images on this machine.
        loss: cross entropy of that step, in which nothing has been learnt: about ln C, or ln 2 if classes
            overlap.
    """

    crop: tuple[int, int]
    cost: NetworkCost
    memory: int
    step_seconds: float
    loss: float


def dry_run(recipe: RecipeSpec, classes: int, task: Task, input_card: InputCard | None = None) -> DryRun:
    """Build the network, count its cost, and run one training step; encoder weights are not loaded.

    `input_card` is for images that are not RGB of 8 bits.

    Raises:
        SpecError: the network cannot be built or run; the message has the nearest one that can.
    """
    recipe = with_input_size_crop(recipe)
    check_combination(recipe.architecture, recipe.encoder, recipe.crop, recipe.input.size)
    input_card = input_card or input_card_of(recipe)
    network = build_network(recipe.architecture, recipe.encoder, classes, channels=input_card.channels)
    cost = cost_of_network(network, padded_size(recipe.crop), input_card.channels)
    batch_size = STEP_IMAGES if recipe.batch_size == "auto" else recipe.batch_size
    seconds, loss = run_training_step(
        network, recipe, input_card, classes, task, images=STEP_IMAGES, device=torch.device("cpu")
    )
    return DryRun(
        crop=recipe.crop,
        cost=cost,
        memory=training_step_bytes(network, recipe.crop, batch_size, input_card.channels),
        step_seconds=seconds,
        loss=loss,
    )


def training_step_bytes(network: nn.Module, crop: tuple[int, int], images: int, channels: int = 3) -> int:
    """Estimated memory of a training step in fp32, as described in the module's docstring."""
    parameters = sum(parameter.numel() for parameter in network.parameters())
    activations = activation_bytes(network, padded_size(crop), channels)
    return parameters * BYTES_PER_PARAMETER + activations * images


def activation_bytes(network: nn.Module, size_hw: tuple[int, int], channels: int = 3) -> int:
    """Bytes of activations of one image that are kept for the backward pass, in fp32, without weights."""
    blank = copy.deepcopy(network).to("meta").train()
    parameters = {id(parameter) for parameter in blank.parameters()}
    seen: dict[int, Tensor] = {}

    def record(tensor: Tensor) -> Tensor:
        base = tensor if tensor._base is None else tensor._base
        if id(base) not in parameters:
            seen[id(base)] = base
        return tensor

    with saved_tensors_hooks(record, lambda tensor: tensor):
        blank(torch.empty(STEP_IMAGES, channels, *size_hw, device="meta"))
    return sum(tensor.numel() * tensor.element_size() for tensor in seen.values()) // STEP_IMAGES


def run_training_step(
    network: nn.Module,
    recipe: RecipeSpec,
    input_card: InputCard,
    classes: int,
    task: Task,
    *,
    images: int,
    device: torch.device,
) -> tuple[float, float]:
    """Seconds and cross entropy of a training step with random images, in the recipe's precision."""
    segmenter = Segmenter(network, input_card).to(device).train()
    random = torch.Generator().manual_seed(0)
    shape = (images, *recipe.crop, input_card.channels)
    seen = torch.randint(256, shape, generator=random, dtype=torch.uint8).to(device)
    if input_card.pixel_range is not None:
        seen = seen / 255
    labels = _random_labels(images, classes, recipe.crop, task, random).to(device)
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(recipe.precision)
    start = time.perf_counter()
    with torch.autocast(device.type, dtype=half, enabled=half is not None):
        measure = binary_cross_entropy_with_logits if classes_overlap(task) else cross_entropy
        loss = measure(segmenter(seen).float(), labels)
    torch.autograd.backward(loss)
    value = float(loss.detach())
    return time.perf_counter() - start, value


def _random_labels(
    images: int, classes: int, crop_hw: tuple[int, int], task: Task, random: torch.Generator
) -> Tensor:
    """Labels `[N, H, W]`, or a truth of 0 and 1 for each class, `[N, C, H, W]`."""
    if classes_overlap(task):
        return torch.randint(2, (images, classes, *crop_hw), generator=random).float()
    return torch.randint(classes, (images, *crop_hw), generator=random)
