"""Learning-rate schedules by name."""

import math
from collections.abc import Callable
from typing import Final

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from seg.spec.recipe.recipe import Schedule

_RISING: Final = 0.3
_START: Final = 1 / 25
_END: Final = 1e-5
_POWER: Final = 0.9
_FALLS: Final = (2 / 3, 8 / 9)

Curve = Callable[[float], float]
"""The learning rate as a share of its maximum, at a share of all steps; both in 0..1."""


def build_schedule(optimiser: Optimizer, name: Schedule, steps: int, warm_up: int = 0) -> LambdaLR:
    """A schedule over `steps` optimiser steps, which scales the learning rate of each parameter group.

    The first `warm_up` steps rise linearly to the full rate; the schedule covers the rest.
    """
    curve = CURVES[name]

    def share(step: int) -> float:
        if step < warm_up:
            return (step + 1) / (warm_up + 1)
        return curve(min(1.0, (step - warm_up) / max(1, steps - warm_up)))

    return LambdaLR(optimiser, share)


def _constant_rate(done: float) -> float:
    return 1.0


def _step_rate(done: float) -> float:
    """A tenth after two thirds, a hundredth after eight ninths. Source: the 1x schedule of Detectron."""
    return 0.1 ** sum(done >= fall for fall in _FALLS)


def _poly_rate(done: float) -> float:
    """Source: Chen et al., "DeepLab", 2017, section 4.1."""
    return float((1 - done) ** _POWER)


def _cosine_rate(done: float) -> float:
    """From the full rate to almost nothing. Source: Loshchilov and Hutter, "SGDR", 2017, equation 5."""
    return _rate_between(1.0, _END, done)


def _one_cycle_rate(done: float) -> float:
    """Up to the full rate and down to almost nothing, on cosines.

    Source: Smith and Topin, "Super-Convergence", 2019; the shares are those of PyTorch's OneCycleLR.
    """
    if done < _RISING:
        return _rate_between(_START, 1.0, done / _RISING)
    return _rate_between(1.0, _END, (done - _RISING) / (1 - _RISING))


def _rate_between(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


CURVES: Final[dict[Schedule, Curve]] = {
    "constant": _constant_rate,
    "step": _step_rate,
    "poly": _poly_rate,
    "cosine": _cosine_rate,
    "one_cycle": _one_cycle_rate,
}
