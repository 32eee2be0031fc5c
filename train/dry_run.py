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
from seg.train.job import crop_of_network_size, input_card_of
from seg.train.networks import build_network, check_combination
from seg.train.networks.cost import Cost, cost_of, padded_size
from seg.train.segmenter import Segmenter

STEP_IMAGES: Final = 2
"""In the step that is taken in earnest: the fewest that batch normalisation can do with."""

BYTES_A_PARAMETER: Final = 4 * (1 + 1 + 2)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a recipe takes.

    Attributes:
        crop: height and width of what the network is trained on.
        memory: estimated bytes of a training step with the recipe's batch size.
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
    recipe = crop_of_network_size(recipe)
    check_combination(recipe.architecture, recipe.encoder, recipe.crop, recipe.input.size)
    network = build_network(recipe.architecture, recipe.encoder, classes)
    cost = cost_of(network, padded_size(recipe.crop))
    kept = bytes_kept(network, padded_size(recipe.crop))
    seconds, loss = _step(Segmenter(network, input_card_of(recipe)), recipe.crop, classes)
    return DryRun(
        crop=recipe.crop,
        cost=cost,
        memory=cost.parameters * BYTES_A_PARAMETER + kept * recipe.batch_size,
        step_seconds=seconds,
        loss=loss,
    )


def bytes_kept(network: nn.Module, size_hw: tuple[int, int]) -> int:
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


def _step(segmenter: Segmenter, crop: tuple[int, int], classes: int) -> tuple[float, float]:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(256, (STEP_IMAGES, *crop, 3), generator=random, dtype=torch.uint8)
    labels = torch.randint(classes, (STEP_IMAGES, *crop), generator=random)
    segmenter.train()
    start = time.perf_counter()
    loss = functional.cross_entropy(segmenter(images), labels)
    torch.autograd.backward(loss)
    return time.perf_counter() - start, float(loss.detach())
