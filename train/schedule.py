"""Learning-rate schedules by name."""

import math
from collections.abc import Callable
from typing import Final

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from seg.spec.recipe import Schedule

_WARM_UP: Final = 0.3
_START: Final = 1 / 25
_END: Final = 1e-5

Curve = Callable[[float], float]
"""The share of the recipe's learning rate at a share of all steps, both in 0..1."""


def build_schedule(optimiser: Optimizer, name: Schedule, steps: int) -> LambdaLR:
    """A schedule over `steps` optimiser steps; each parameter group follows it from its own rate."""
    curve = curve_of(name)
    return LambdaLR(optimiser, lambda step: curve(min(1.0, step / steps)))


def curve_of(name: Schedule) -> Curve:
    match name:
        case "constant":
            return _constant
        case "cosine":
            return _cosine
        case "one_cycle":
            return _one_cycle


def _constant(done: float) -> float:
    return 1.0


def _cosine(done: float) -> float:
    """From the full rate to almost nothing. Source: Loshchilov and Hutter, "SGDR", 2017, equation 5."""
    return _between(1.0, _END, done)


def _one_cycle(done: float) -> float:
    """Up to the full rate and down to almost nothing, on cosines.

    Source: Smith and Topin, "Super-Convergence", 2019; the shares are those of PyTorch's OneCycleLR.
    """
    if done < _WARM_UP:
        return _between(_START, 1.0, done / _WARM_UP)
    return _between(1.0, _END, (done - _WARM_UP) / (1 - _WARM_UP))


def _between(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
