"""Scores of tallies of images that nothing was fitted on, and the standard error of a gain across groups."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from seg.data.groups import jackknife_error
from seg.evaluate.metrics.groups import GroupI
from seg.metrics.metric import Metric, TalliesIC2

Fitted = TypeVar("Fitted")


def fit_without_each(fold_i: GroupI, fit: Callable[[NDArray[np.bool_]], Fitted]) -> list[Fitted]:
    """What is fitted on the images of all other folds, by fold."""
    return [fit(fold_i != fold) for fold in range(int(fold_i.max()) + 1)]


def gain_over(metric: Metric, first: TalliesIC2, second: TalliesIC2, group_i: GroupI) -> tuple[float, float]:
    """How much better the first scores than the second, with its standard error by the jackknife."""
    groups = int(group_i.max()) + 1

    def gain(chosen_i: NDArray[np.bool_]) -> float:
        return metric.score(first[chosen_i]) - metric.score(second[chosen_i])

    error = (
        jackknife_error([gain(group_i != group) for group in range(groups)]) if groups > 1 else float("inf")
    )
    return gain(np.ones(len(group_i), np.bool_)), error
