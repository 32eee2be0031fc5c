"""Counts of groups of images, which intervals resample: images of a group are not independent."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Count = TypeVar("Count", np.int64, np.float64)

GroupI = NDArray[np.intp]
"""The number of each image's group."""


def number_groups(labels: Sequence[str]) -> GroupI:
    """Numbers from 0 for the labels of groups."""
    return np.asarray(np.unique(np.asarray(labels), return_inverse=True)[1], dtype=np.intp)


def sum_by_group(counts_icc: NDArray[Count], group_i: GroupI) -> NDArray[Count]:
    """The summed counts of each group, `[G, ...]`."""
    summed = np.zeros((int(group_i.max()) + 1, *counts_icc.shape[1:]), counts_icc.dtype)
    np.add.at(summed, group_i, counts_icc)
    return summed
