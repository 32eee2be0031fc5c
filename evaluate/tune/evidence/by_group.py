"""Scores of groups of images, and the standard error of a difference across groups."""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.tune.scorer import CountsICC, miou

Criterion = Literal["mean", "worst-group"]
"""What is tuned for: the mIoU of all images, or that of the group with the lowest."""

MOST_FOLDS: Final = 8
BLOCKS: Final = 4

GroupI = NDArray[np.intp]
"""The number of each image's group."""


def number_groups(labels: Sequence[str]) -> GroupI:
    """Numbers from 0 for the labels of groups."""
    return np.asarray(np.unique(np.asarray(labels), return_inverse=True)[1], dtype=np.intp)


def fold_groups(group_i: GroupI, most: int = MOST_FOLDS) -> GroupI:
    """The fold of each image: whole groups, the largest first, each to the fold with the fewest images."""
    images_g = np.bincount(group_i)
    shuffled = np.random.default_rng(0).permutation(len(images_g))
    images_f = np.zeros(min(most, len(images_g)), np.intp)
    fold_g = np.empty(len(images_g), np.intp)
    for group in shuffled[np.argsort(-images_g[shuffled], kind="stable")]:
        fold_g[group] = images_f.argmin()
        images_f[fold_g[group]] += images_g[group]
    return fold_g[group_i]


def blocks(images: int) -> GroupI:
    """Four blocks of images that follow one another."""
    return np.arange(images) * BLOCKS // images


def sum_by_group(counts_icc: CountsICC, group_i: GroupI) -> NDArray[np.int64]:
    """The summed counts of each group, `[G, C, C]`."""
    summed = np.zeros((int(group_i.max()) + 1, *counts_icc.shape[1:]), np.int64)
    np.add.at(summed, group_i, counts_icc)
    return summed


def score(counts_icc: CountsICC, group_i: GroupI, criterion: Criterion) -> float:
    """mIoU of all images, or of the group with the lowest."""
    return miou(counts_icc) if criterion == "mean" else worst_group(counts_icc, group_i)


def worst_group(counts_icc: CountsICC, group_i: GroupI) -> float:
    """The lowest mIoU of a group."""
    return min(miou(counts_gcc[None]) for counts_gcc in sum_by_group(counts_icc, group_i))


def error_of_gain(
    first_icc: CountsICC, second_icc: CountsICC, group_i: GroupI, criterion: Criterion = "mean"
) -> float:
    """The standard error of the difference of two scores on the same images, by the jackknife over groups.

    Infinite for a single group, of which nothing can be left out.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 11.
    """
    groups = int(group_i.max()) + 1
    if groups < 2:
        return float("inf")
    first_gcc, second_gcc = sum_by_group(first_icc, group_i), sum_by_group(second_icc, group_i)
    others = np.arange(groups - 1)
    without_g = np.array(
        [
            score(np.delete(first_gcc, group, axis=0), others, criterion)
            - score(np.delete(second_gcc, group, axis=0), others, criterion)
            for group in range(groups)
        ]
    )
    return jackknife_error(without_g)


def jackknife_error(without_g: NDArray[np.float64]) -> float:
    """The standard error of a figure, from what it is without each group."""
    groups = len(without_g)
    return float(np.sqrt((groups - 1) / groups * ((without_g - without_g.mean()) ** 2).sum()))
