"""Optimisers and learning-rate schedules by name."""

import math
from collections.abc import Callable

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from seg.spec.recipe import RecipeSpec, Schedule

_WARM_UP = 0.3
_START = 1 / 25
_END = 1e-5
_SGD_MOMENTUM = 0.9


def build_optimiser(network: nn.Module, recipe: RecipeSpec) -> Optimizer:
    """The recipe's optimiser; weight decay acts on weights, not on norms and biases."""
    groups = parameter_groups(network, recipe.weight_decay)
    match recipe.optimiser:
        case "adamw":
            return AdamW(groups, lr=recipe.learning_rate)
        case "adam":
            return Adam(groups, lr=recipe.learning_rate)
        case "sgd":
            return SGD(groups, lr=recipe.learning_rate, momentum=_SGD_MOMENTUM, nesterov=True)


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Parameters with and without decay: vectors and scalars are norms and biases."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def build_schedule(optimiser: Optimizer, schedule: Schedule, steps: int) -> LambdaLR:
    """A schedule over `steps` optimiser steps, relative to the recipe's learning rate."""
    return LambdaLR(optimiser, _factor(schedule, max(1, steps)))


def _factor(schedule: Schedule, steps: int) -> Callable[[int], float]:
    match schedule:
        case "constant":
            return lambda step: 1.0
        case "cosine":
            return lambda step: _between(1.0, _END, step / steps)
        case "one_cycle":
            return lambda step: _one_cycle(step / steps)


def _one_cycle(progress: float) -> float:
    """Up to the full rate and down to almost nothing, on cosines.

    Source: Smith and Topin, "Super-Convergence", 2017.
    """
    if progress < _WARM_UP:
        return _between(_START, 1.0, progress / _WARM_UP)
    return _between(1.0, _END, (progress - _WARM_UP) / (1 - _WARM_UP))


def _between(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(1.0, progress))) / 2
