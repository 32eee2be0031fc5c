"""Optimisers by name."""

from typing import Final

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from seg.spec.recipe import RecipeSpec

_SGD_MOMENTUM: Final = 0.9


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
    """Parameters with and without decay: scalars and vectors are norms, biases and scales."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
