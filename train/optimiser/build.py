"""Build timm's optimisers by name, with parameter groups for encoder, decoder and weight decay."""

from typing import Any

from timm.optim import create_optimizer_v2, list_optimizers
from torch import nn
from torch.optim import Optimizer

from seg.errors import SpecError
from seg.spec.base import did_you_mean
from seg.spec.recipe.recipe import RecipeSpec

_NEEDS_SECOND_DERIVATIVES = frozenset({"adahessian"})


def build_optimiser(network: nn.Module, recipe: RecipeSpec) -> Optimizer:
    """The recipe's optimiser for a network.

    The last parameter groups are the decoder's, whose rate is the recipe's learning rate.

    Raises:
        SpecError: timm has no such optimiser, or it needs a library or device that is missing.
    """
    check_optimiser(recipe.optimiser)
    groups = parameter_groups(network, recipe)
    try:
        return create_optimizer_v2(groups, opt=recipe.optimiser, lr=recipe.learning_rate)
    except (AssertionError, ImportError) as error:
        raise SpecError(f"optimiser {recipe.optimiser!r} cannot be used here: {error}") from error


def check_optimiser(name: str) -> None:
    """Raise SpecError, with the nearest name, if there is no such optimiser."""
    known = {str(known) for known in list_optimizers()} - _NEEDS_SECOND_DERIVATIVES
    if name not in known:
        raise SpecError(f"there is no optimiser {name!r}: {did_you_mean(name, known)}")


def parameter_groups(network: nn.Module, recipe: RecipeSpec) -> list[dict[str, Any]]:
    """Encoder and decoder, each with and without weight decay; empty groups are dropped.

    Weight decay applies to parameters of two dimensions and more, not to norms, biases and scales. The
    encoder is the module `encoder`; a network without one is all decoder.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {
        (of_encoder, decays): [] for of_encoder in (True, False) for decays in (True, False)
    }
    for name, parameter in network.named_parameters():
        groups[name.startswith("encoder."), parameter.ndim > 1].append(parameter)
    return [
        {
            "params": parameters,
            "lr": recipe.learning_rate * (recipe.encoder_rate if of_encoder else 1),
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (of_encoder, decays), parameters in groups.items()
        if parameters
    ]
