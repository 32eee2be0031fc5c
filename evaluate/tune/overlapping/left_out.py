"""Fits on the images of all folds but one."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.metrics.groups import GroupI

Fitted = TypeVar("Fitted")


def fit_without_each(fold_i: GroupI, fit: Callable[[NDArray[np.bool_]], Fitted]) -> list[Fitted]:
    """For each image, what is fitted on the images of all other folds."""
    fits = [fit(fold_i != fold) for fold in range(int(fold_i.max()) + 1)]
    return [fits[fold] for fold in fold_i]
