"""Which parameters decay, and learning rates against PyTorch's own schedules."""

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from seg.spec import RecipeSpec
from seg.spec.recipe import Schedule
from seg.train.networks import build_network
from seg.train.optimise import build_optimiser
from seg.train.schedule import build_schedule

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


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
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


def rates(schedule: LRScheduler, steps: int) -> list[float]:
    optimiser = schedule.optimizer
    seen = []
    for _ in range(steps):
        seen.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return seen


@pytest.mark.parametrize("steps", [10, 37])
@pytest.mark.parametrize("name", ["constant", "cosine", "one_cycle"])
def test_schedules_equal_those_of_torch(name: Schedule, steps: int) -> None:
    def optimiser() -> SGD:
        return SGD([nn.Parameter(torch.zeros(1))], lr=0.1)

    # PyTorch counts the end of its cycle as a step; ours is one step after the last.
    total = steps + 1
    one_cycle = OneCycleLR(
        optimiser(), 0.1, total_steps=total, pct_start=(0.3 * steps + 1) / total, final_div_factor=4e3
    )
    reference: list[float] = {
        "constant": [0.1] * steps,
        "cosine": rates(CosineAnnealingLR(optimiser(), steps, eta_min=1e-6), steps),
        "one_cycle": rates(one_cycle, steps),
    }[name]
    assert rates(build_schedule(optimiser(), name, steps), steps) == pytest.approx(reference, rel=1e-9)
