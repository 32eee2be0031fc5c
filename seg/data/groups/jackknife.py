"""The standard error of a figure across groups of images, by leaving out one group after another."""

from collections.abc import Sequence

import numpy as np


def jackknife_error(without_g: Sequence[float]) -> float:
    """The standard error of a figure from its values without each group.

    Infinite for a single group, of which nothing can be left out.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 11.

    Example:
        >>> jackknife_error([1.0, 2.0])
        0.5
        >>> jackknife_error([1.0])
        inf
    """
    groups = len(without_g)
    if groups < 2:
        return float("inf")
    return float(np.sqrt((groups - 1) * np.var(without_g)))
