"""Which parameters decay, and learning rates against PyTorch's own schedules."""

import math
from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
)

from seg.spec import RecipeSpec
from seg.spec.recipe.recipe import Schedule
from seg.train.networks import build_network
from seg.train.optimiser.build import build_optimiser
from seg.train.optimiser.schedule import build_schedule

NORMS = (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


@pytest.mark.parametrize("encoder", ["tu-test_efficientnet", "tu-test_convnext", "mit_b0"])
def test_weights_decay_and_norms_and_biases_do_not(encoder: str) -> None:
    network = build_network("unet", encoder, 3)
    optimiser = build_optimiser(network, RecipeSpec(weight_decay=0.3))
    decay = {id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    assert decay.keys() == {id(p) for p in network.parameters()}
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, NORMS) or name == "bias":
                assert decay[id(parameter)] == 0
            if isinstance(module, nn.Conv2d | nn.Linear) and name == "weight":
                assert decay[id(parameter)] == 0.3


@pytest.mark.parametrize("name", ["adamw", "adam", "adamp", "sgd", "lion", "madgradw"])
def test_optimisers_descend(name: str) -> None:
    torch.manual_seed(0)
    network = nn.Linear(4, 1)
    inputs = torch.randn(32, 4)
    optimiser = build_optimiser(network, RecipeSpec(optimiser=name, learning_rate=0.02))
    losses = []
    for _ in range(50):
        loss = (network(inputs) - inputs.sum(1, keepdim=True)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4


def toy_optimiser() -> SGD:
    return SGD([nn.Parameter(torch.zeros(1))], lr=0.1)


def rates(schedule: LRScheduler, steps: int) -> list[float]:
    optimiser = schedule.optimizer
    seen = []
    for _ in range(steps):
        seen.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return seen


@pytest.mark.parametrize("steps", [10, 37])
@pytest.mark.parametrize("name", get_args(Schedule))
def test_schedules_equal_those_of_torch(name: Schedule, steps: int) -> None:
    # PyTorch counts the end of its cycle as a step; ours is one step after the last.
    total = steps + 1
    reference: dict[str, Callable[[SGD], LRScheduler]] = {
        "constant": lambda own: ConstantLR(own, factor=1),
        "step": lambda own: MultiStepLR(own, [math.ceil(steps * 2 / 3), math.ceil(steps * 8 / 9)]),
        "poly": lambda own: PolynomialLR(own, steps, power=0.9),
        "cosine": lambda own: CosineAnnealingLR(own, steps, eta_min=1e-6),
        "one_cycle": lambda own: OneCycleLR(
            own, 0.1, total_steps=total, pct_start=(0.3 * steps + 1) / total, final_div_factor=4e3
        ),
    }
    expected = rates(reference[name](toy_optimiser()), steps)
    assert rates(build_schedule(toy_optimiser(), name, steps), steps) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", get_args(Schedule))
def test_warm_up_comes_before_the_whole_schedule(name: Schedule) -> None:
    warmed = rates(build_schedule(toy_optimiser(), name, 14, warm_up=4), 14)
    assert warmed[:4] == pytest.approx([0.02, 0.04, 0.06, 0.08])
    assert warmed[4:] == rates(build_schedule(toy_optimiser(), name, 10), 10)


def test_groups_follow_a_schedule_from_their_own_rates() -> None:
    network = build_network("linknet", "tu-test_efficientnet", 3)
    recipe = RecipeSpec(learning_rate=0.1, encoder_rate=0.2)
    optimiser = build_optimiser(network, recipe)
    schedule = build_schedule(optimiser, "poly", 10)
    rate_of = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        of_encoder = name.startswith("encoder.")
        assert rate_of[id(parameter)] == pytest.approx(0.02 if of_encoder else 0.1)
    optimiser.step()
    schedule.step()
    encoder, decoder = optimiser.param_groups[0]["lr"], optimiser.param_groups[-1]["lr"]
    assert encoder == pytest.approx(0.2 * decoder)
    assert 0 < decoder < 0.1
