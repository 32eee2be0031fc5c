"""What training a member would take, without its images: size, operations, memory, and one step in earnest.

Memory is counted, not watched: weights, gradients and the optimiser's two moments at 4 bytes a parameter, and
what a forward pass keeps for the backward pass, from a run of two images on torch's meta device. What the
libraries need for themselves comes on top.
"""

import copy
import time
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional

from seg.spec.recipe import RecipeSpec
from seg.train.member.job import input_card_of, with_input_size_crop
from seg.train.networks import build_network, check_combination
from seg.train.networks.cost import Cost, cost_of, padded_size
from seg.train.networks.segmenter import Segmenter

STEP_IMAGES: Final = 2
"""In the step that is taken in earnest: the fewest that batch normalisation can do with."""

BYTES_PER_PARAMETER: Final = 4 * (1 + 1 + 2)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a recipe takes.

    Attributes:
        crop: height and width of what the network is trained on.
        memory: estimated bytes of a training step with the recipe's batch size; of `auto` with two images.
        step_seconds: forward and backward of `STEP_IMAGES` random images on this machine.
        loss: cross entropy of that step; about ln C for C classes, as nothing is learnt.
    """

    crop: tuple[int, int]
    cost: Cost
    memory: int
    step_seconds: float
    loss: float


def dry_run(recipe: RecipeSpec, classes: int) -> DryRun:
    """Build the network, count, and take one step; encoder weights are not loaded.

    Raises:
        SpecError: the network cannot be built or run; with the nearest that can.
    """
    recipe = with_input_size_crop(recipe)
    check_combination(recipe.architecture, recipe.encoder, recipe.crop, recipe.input.size)
    network = build_network(recipe.architecture, recipe.encoder, classes)
    cost = cost_of(network, padded_size(recipe.crop))
    batch_size = STEP_IMAGES if recipe.batch_size == "auto" else recipe.batch_size
    seconds, loss = run_training_step(
        network, recipe, classes, images=STEP_IMAGES, device=torch.device("cpu")
    )
    return DryRun(
        crop=recipe.crop,
        cost=cost,
        memory=training_step_bytes(network, recipe.crop, batch_size),
        step_seconds=seconds,
        loss=loss,
    )


def training_step_bytes(network: nn.Module, crop: tuple[int, int], images: int) -> int:
    """What a training step of so many images takes in fp32, by the count that the module's text describes."""
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return parameters * BYTES_PER_PARAMETER + activation_bytes(network, padded_size(crop)) * images


def activation_bytes(network: nn.Module, size_hw: tuple[int, int]) -> int:
    """What a forward pass keeps of one image for the backward pass, in fp32; without weights."""
    blank = copy.deepcopy(network).to("meta").train()
    parameters = {id(parameter) for parameter in blank.parameters()}
    seen: dict[int, Tensor] = {}

    def note(tensor: Tensor) -> Tensor:
        base = tensor if tensor._base is None else tensor._base
        if id(base) not in parameters:
            seen[id(base)] = base
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        blank(torch.empty(STEP_IMAGES, 3, *size_hw, device="meta"))
    return sum(tensor.numel() * tensor.element_size() for tensor in seen.values()) // STEP_IMAGES


def run_training_step(
    network: nn.Module, recipe: RecipeSpec, classes: int, *, images: int, device: torch.device
) -> tuple[float, float]:
    """Seconds and cross entropy of a whole step with random images, in the recipe's precision."""
    segmenter = Segmenter(network, input_card_of(recipe)).to(device).train()
    random = torch.Generator().manual_seed(0)
    seen = torch.randint(256, (images, *recipe.crop, 3), generator=random, dtype=torch.uint8).to(device)
    labels = torch.randint(classes, (images, *recipe.crop), generator=random).to(device)
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(recipe.precision)
    start = time.perf_counter()
    with torch.autocast(device.type, dtype=half, enabled=half is not None):
        loss = functional.cross_entropy(segmenter(seen).float(), labels)
    torch.autograd.backward(loss)
    value = float(loss.detach())
    return time.perf_counter() - start, value
